// A tab that does not read, and a path on which nothing comes through: what the others keep for it has a limit, and
// nothing is lost.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gather, uniqueName, World } from "./harness.mjs";

const WINDOW_BYTES = 512 * 1024;
const BUFFERED_BYTES = 256 * 1024 + 16 * 1024;

/** Every page counts what it gives to its channels, what lies in them, and its module's memory. */
function watch() {
  window.sentBytes = [0, 0, 0];
  window.bufferedMax = 0;
  const send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (data) {
    send.call(this, data);
    window.sentBytes[this.id] += data.byteLength;
    window.bufferedMax = Math.max(window.bufferedMax, this.bufferedAmount);
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const real = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await real.apply(WebAssembly, given);
      window.memory = (made.instance ?? made).exports.memory;
      return made;
    };
  }
}

describe("a slow tab", { timeout: 240_000 }, () => {
  let world, home;

  before(async () => {
    world = await World.open();
    home = await world.profile("home");
    await home.context.addInitScript(watch);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function pair() {
    const room = uniqueName();
    const tabs = [await home.tab("a"), await home.tab("b")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    return tabs;
  }

  const read = (tab) =>
    tab.run(async () => {
      const bucket = window.mesh.bucket("things");
      const reads = await Promise.all(Array.from({ length: 60 }, (_, i) => bucket.get(`key ${i}`, { level: "local" })));
      return reads.filter(({ found }) => found).length;
    });

  test("whose page is busy for seconds is sent one window, and all the rest once it wakes", async () => {
    const [a, b] = await pair();
    const blocked = b.page.evaluate(() => {
      const until = performance.now() + 4_000;
      while (performance.now() < until);
    });
    await sleep(300);
    const during = await a.run(async () => {
      const [sent, memory] = [[...window.sentBytes], window.memory.buffer.byteLength];
      window.bufferedMax = 0;
      const bucket = window.mesh.bucket("things");
      const value = "x".repeat(100_000);
      await Promise.all(Array.from({ length: 60 }, (_, i) => bucket.put(`key ${i}`, value, { level: "local" })));
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return {
        sent: window.sentBytes.map((bytes, lane) => bytes - sent[lane]),
        buffered: window.bufferedMax,
        grown: window.memory.buffer.byteLength - memory,
      };
    });
    const isBlocked = await Promise.race([blocked.then(() => false), sleep(50).then(() => true)]);
    assert.ok(isBlocked, "the other page was busy all the time");
    for (const bytes of during.sent) assert.ok(bytes <= WINDOW_BYTES, `one window: ${during.sent}`);
    assert.ok(Math.max(...during.sent) > WINDOW_BYTES / 2, `there was more to send: ${during.sent}`);
    assert.ok(during.buffered <= BUFFERED_BYTES, `${during.buffered} bytes in one channel`);
    assert.ok(during.grown <= 40 * 1024 * 1024, `grew by ${during.grown} bytes for 6 MB of values`);
    await blocked;
    await world.until("all has arrived", async () => (await read(b)) === 60, { timeoutMs: 30_000 });
    const closed = await a.run(() => window.links.filter(({ open }) => !open).length);
    assert.equal(closed, 0, "the link lived on");
  });

  test("on whose path nothing comes through for seconds keeps its link, and what was sent arrives", async () => {
    const room = uniqueName();
    const tabs = [await home.tab("a"), await home.tab("b")];
    const session = await home.context.newCDPSession(tabs[0].page);
    await session.send("Network.enable");
    // Acts on connections that are made after it was armed. Signals go by the browser's own channel.
    const lose = (packetLoss) =>
      session.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: 1,
        downloadThroughput: -1,
        uploadThroughput: -1,
        packetLoss,
      });
    await lose(0);
    await tabs[0].run(() => {
      window.states = [];
      const Real = RTCPeerConnection;
      window.RTCPeerConnection = class extends Real {
        constructor(...given) {
          super(...given);
          this.addEventListener("connectionstatechange", () => window.states.push(this.connectionState));
        }
      };
    });
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    await lose(100);
    await world.until("the browser notices", () => tabs[0].run(() => window.states.includes("disconnected")));
    const put = tabs[0].put("meanwhile", "kept", { level: "local" });
    await sleep(4_000);
    await lose(0);
    await put;
    await world.until("it is back", () => tabs[0].run(() => window.states.at(-1) === "connected"));
    await world.until("what was written is read", async () => {
      const { value } = await tabs[1].get("meanwhile", { level: "local" });
      return value === "kept";
    });
    for (const tab of tabs) {
      assert.deepEqual(await tab.run(() => window.links.map(({ open }) => open)), [true], "one link, never closed");
    }
  });
});
