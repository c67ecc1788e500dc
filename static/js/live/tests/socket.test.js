import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, mock, test } from "node:test";

import { backoff } from "../../common/backoff.js";
import { LiveSocket, reactionTo } from "../socket.js";

const { close_codes: closeCodes } = JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url)));

/** The browser's WebSocket as far as the page uses it; the test is the server. */
class FakeSocket {
  static opened = [];
  constructor(url) {
    this.url = url;
    FakeSocket.opened.push(this);
  }
  close() { this.isClosed = true; }
  send(message) { this.onmessage?.({ data: JSON.stringify(message) }); }
}

let clock = 0;
let slept = 0;
let events = [];

function open(options = {}) {
  const socket = new LiveSocket({ url: "ws://here/ws", interval: 5, closeCodes, onEvent: (event) => events.push(event.type), Socket: FakeSocket, now: () => clock, wall: () => clock + slept, ...options });
  socket.start();
  return socket;
}

function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    clock += 500;
    mock.timers.tick(500);
  }
}

const newest = () => FakeSocket.opened.at(-1);

beforeEach((context) => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  FakeSocket.opened = [];
  [clock, slept, events] = [0, 0, []];
});

test("the pauses double from half a second to ten seconds, half of it by chance", () => {
  assert.deepEqual([0, 1, 2, 5, 50].map((attempt) => backoff(attempt, 1)), [500, 1000, 2000, 10_000, 10_000]);
  assert.equal(backoff(1, 0), 500);
});

const reactions = (...codes) => codes.map((code) => reactionTo(code, closeCodes));

test("close codes decide the reaction", () => {
  assert.deepEqual(reactions(4401), ["login"]);
  assert.deepEqual(reactions(4403, 4404), ["stop", "stop"]);
  assert.deepEqual(reactions(1006, 1009, 1012, 1013, 4429, 4508), Array(6).fill("reconnect"));
});

test("a close code that the page lacks is final by its range", () => {
  assert.deepEqual(reactions(4400, 4402, 4499), ["stop", "stop", "stop"]);
  assert.deepEqual(reactions(1000, 1001, 1011, 3000, 4399, 4500, 4999), Array(7).fill("reconnect"));
});

test("it resumes with the newest cursor it has applied", () => {
  const socket = open({ cursor: "log.1-0" });
  newest().send({ type: "sensor_update", cursor: "log.2-0" });

  newest().onclose({ code: 1012 });
  pass(1000);

  assert.deepEqual(FakeSocket.opened.map(({ url }) => url), ["ws://here/ws?cursor=log.1-0", "ws://here/ws?cursor=log.2-0"]);
  socket.stop();
});

test("a message that could not be applied is asked for again", () => {
  const socket = open({ cursor: "log.1-0", onEvent: () => { throw new Error("broken"); } });

  assert.throws(() => newest().send({ type: "sensor_update", cursor: "log.2-0" }), /broken/);

  assert.equal(socket.cursor, "log.1-0");
  socket.stop();
});

test("silence of two heartbeats is reported once and ends the socket", () => {
  const socket = open();
  const first = newest();
  first.send({ type: "heartbeat", data: { interval: 2 } });

  pass(4500);

  assert.deepEqual(events, ["heartbeat", "lost"]);
  assert.equal(first.isClosed, true);
  socket.stop();
});

test("it connects again after silence, and ignores the old socket", () => {
  const socket = open();
  const first = newest();

  pass(12_000);
  first.send({ type: "heartbeat", data: { interval: 5 } });

  assert.equal(FakeSocket.opened.length, 2);
  assert.deepEqual(events, ["lost"]);
  socket.stop();
});

test("heartbeats keep it open", () => {
  const socket = open();

  for (let beat = 0; beat < 10; beat += 1) {
    pass(5000);
    newest().send({ type: "heartbeat", data: { interval: 5 } });
  }

  assert.equal(FakeSocket.opened.length, 1);
  socket.stop();
});

test("a computer that slept reports it and connects at once", () => {
  const socket = open();
  slept = 60_000;

  pass(500);

  assert.deepEqual(events, ["lost"]);
  assert.equal(FakeSocket.opened.length, 2);
  socket.stop();
});

for (const code of [4403, 4404, 4410]) {
  test(`close code ${code} ends it, once and with its code`, () => {
    const received = [];
    open({ onEvent: (event) => received.push(event) });

    newest().onclose({ code });
    pass(60_000);

    assert.deepEqual(received, [{ type: "stop", code }]);
    assert.equal(FakeSocket.opened.length, 1);
  });
}

for (const code of [1006, 1012, 1013, 4429, 4508, 4999]) {
  test(`close code ${code} is followed by another attempt`, () => {
    const socket = open();

    newest().onclose({ code });
    pass(1000);

    assert.equal(FakeSocket.opened.length, 2);
    socket.stop();
  });
}

test("a socket that closes for want of a login does not connect again", () => {
  open();

  newest().onclose({ code: 4401 });
  pass(60_000);

  assert.deepEqual(events, ["login"]);
  assert.equal(FakeSocket.opened.length, 1);
});
