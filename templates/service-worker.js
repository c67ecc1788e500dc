// Shows our own page where the server cannot be reached. It keeps that page and what it is made of,
// and nothing else: a value out of a cache would look like a live one.
const CACHE = "offline-{{ version }}";
const FILES = [{% for file in files %}"{{ file }}"{% if not forloop.last %}, {% endif %}{% endfor %}];
// What a proxy says in our place; what we say ourselves carries a request's id.
const AWAY = [502, 503, 504];
const PATIENCE_MS = 20_000;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => event.waitUntil(tidy()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(opened(event));
  else if (FILES.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => kept(request)));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function tidy() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  // Asks the server while this worker starts, so that no page waits for it.
  await self.registration.navigationPreload?.enable();
}

async function opened(event) {
  const late = new Promise((_, fail) => setTimeout(fail, PATIENCE_MS));
  const answer = await Promise.race([asked(event), late]).catch(() => null);
  const isAway = !answer || (AWAY.includes(answer.status) && !answer.headers.has("X-Request-ID"));
  return isAway ? kept(FILES[0]) : answer;
}

async function asked({ request, preloadResponse }) {
  return (await preloadResponse) ?? fetch(request);
}

async function kept(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? Response.error();
}
