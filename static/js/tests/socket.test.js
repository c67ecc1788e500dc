import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { backoff, LiveSocket, verdict } from "../socket.js";

/** The browser's WebSocket as far as the page uses it; the test is the server. */
class Wire {
  static opened = [];
  constructor(url) {
    this.url = url;
    Wire.opened.push(this);
  }
  close() { this.isClosed = true; }
  say(message) { this.onmessage?.({ data: JSON.stringify(message) }); }
}

let clock = 0;
let slept = 0;
let heard = [];

function open(options = {}) {
  const socket = new LiveSocket({ url: "ws://here/ws", interval: 5, hear: (event) => heard.push(event.type), Socket: Wire, now: () => clock, wall: () => clock + slept, ...options });
  socket.start();
  return socket;
}

function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    clock += 500;
    mock.timers.tick(500);
  }
}

const newest = () => Wire.opened.at(-1);

beforeEach((context) => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  Wire.opened = [];
  [clock, slept, heard] = [0, 0, []];
});

test("the pauses double from half a second to ten seconds, half of it by chance", () => {
  assert.deepEqual([0, 1, 2, 5, 50].map((attempt) => backoff(attempt, 1)), [500, 1000, 2000, 10_000, 10_000]);
  assert.equal(backoff(1, 0), 500);
});

test("close codes decide what follows", () => {
  assert.equal(verdict(4401), "login");
  assert.deepEqual([4403, 4404].map(verdict), ["stop", "stop"]);
  assert.deepEqual([1006, 1012, 1013, 4429, 4508].map(verdict), Array(5).fill("reconnect"));
});

test("it resumes with the newest cursor it has applied", () => {
  const socket = open({ cursor: "log.1-0" });
  newest().say({ type: "sensor_update", cursor: "log.2-0" });

  newest().onclose({ code: 1012 });
  pass(1000);

  assert.deepEqual(Wire.opened.map(({ url }) => url), ["ws://here/ws?cursor=log.1-0", "ws://here/ws?cursor=log.2-0"]);
  socket.stop();
});

test("a message that could not be applied is asked for again", () => {
  const socket = open({ cursor: "log.1-0", hear: () => { throw new Error("broken"); } });

  assert.throws(() => newest().say({ type: "sensor_update", cursor: "log.2-0" }), /broken/);

  assert.equal(socket.cursor, "log.1-0");
  socket.stop();
});

test("silence of two heartbeats is said once and ends the socket", () => {
  const socket = open();
  const first = newest();
  first.say({ type: "heartbeat", data: { interval: 2 } });

  pass(4500);

  assert.deepEqual(heard, ["heartbeat", "lost"]);
  assert.equal(first.isClosed, true);
  socket.stop();
});

test("it connects again after silence, and hears nothing of the old socket", () => {
  const socket = open();
  const first = newest();

  pass(12_000);
  first.say({ type: "heartbeat", data: { interval: 5 } });

  assert.equal(Wire.opened.length, 2);
  assert.deepEqual(heard, ["lost"]);
  socket.stop();
});

test("heartbeats keep it open", () => {
  const socket = open();

  for (let beat = 0; beat < 10; beat += 1) {
    pass(5000);
    newest().say({ type: "heartbeat", data: { interval: 5 } });
  }

  assert.equal(Wire.opened.length, 1);
  socket.stop();
});

test("a machine that slept says so and connects at once", () => {
  const socket = open();
  slept = 60_000;

  pass(500);

  assert.deepEqual(heard, ["lost"]);
  assert.equal(Wire.opened.length, 2);
  socket.stop();
});

test("a refusal ends it", () => {
  open();

  newest().onclose({ code: 4404 });
  pass(60_000);

  assert.deepEqual(heard, ["stop"]);
  assert.equal(Wire.opened.length, 1);
});
