// Shows a page of this product where the server cannot be reached. Only that page and its files are
// cached: a value from a cache would look like a live one.
const CACHE = "offline-{{ version }}";
const FILES = [{% for file in files %}"{{ file }}"{% if not forloop.last %}, {% endif %}{% endfor %}];
// A proxy's own answers; the server's answers carry a request's id.
const GATEWAY_ERRORS = [502, 503, 504];
const TIMEOUT_MS = 20_000;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(cacheFiles());
});

self.addEventListener("activate", (event) => event.waitUntil(removeOldCaches()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(pageOrOffline(event));
  else if (FILES.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => fromCache(request)));
});

async function cacheFiles() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function removeOldCaches() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  // The request leaves while this worker starts, so that no page waits for it.
  await self.registration.navigationPreload?.enable();
}

async function pageOrOffline(event) {
  const timeout = new Promise((_, fail) => setTimeout(fail, TIMEOUT_MS));
  const response = await Promise.race([fromServer(event), timeout]).catch(() => null);
  const isAway = !response || (GATEWAY_ERRORS.includes(response.status) && !response.headers.has("X-Request-ID"));
  return isAway ? fromCache(FILES[0]) : response;
}

async function fromServer({ request, preloadResponse }) {
  return (await preloadResponse) ?? fetch(request);
}

async function fromCache(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? Response.error();
}
