// Hundreds of links made and hung up, and of nodes joined and closed, in pages that stay: nothing of them remains.
//
// One tab joins and closes over and over, the other stays and is linked with it each time. Memory is read right after
// the collector ran. The judge is tried as well: of pages that do keep something it says so.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gather, uniqueName, World } from "./harness.mjs";

/** Until code is compiled, caches are full and buffers have the size that they need. */
const WARM_UP = 50;
/** The link of now, and closed ones that the collector has not come to. */
const CONNECTIONS_MAX = 12;
/** Measured: 0.4 KiB of heap, for code and what the engine learns of it, and no memory of the module. */
const BYTES_A_CYCLE = 1024;
const timeout = 240_000;

/** Every page knows which of its connections live, and its module's memory. Once told to, it keeps all of them. */
function watch() {
  const Real = RTCPeerConnection;
  const all = [];
  window.kept = undefined;
  window.RTCPeerConnection = class extends Real {
    constructor(...given) {
      super(...given);
      all.push(new WeakRef(this));
      window.kept?.push(this);
    }
  };
  window.connections = () => {
    const alive = all.map((ref) => ref.deref()).filter((connection) => connection !== undefined);
    const open = alive.filter(({ connectionState }) => connectionState !== "closed");
    return { alive: alive.length, open: open.length };
  };
  const real = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await real.apply(WebAssembly, given);
    window.memory = made.instance.exports.memory;
    return made;
  };
}

function keepAll() {
  window.kept = [];
}

/** What is wrong with a page, if anything, that looked like this before so many cycles and like that after them. */
function complaints(before, after, cycles) {
  const heap = Math.round((after.heap - before.heap) / cycles);
  const module = Math.round((after.module - before.module) / cycles);
  return [
    [after.open !== 1, `${after.open} open connections`],
    [after.alive > CONNECTIONS_MAX, `${after.alive} connections are held`],
    [heap > BYTES_A_CYCLE, `its heap grows by ${heap} bytes a cycle`],
    [module > BYTES_A_CYCLE, `its module's memory grows by ${module} bytes a cycle`],
  ].flatMap(([isWrong, what]) => (isWrong ? [what] : []));
}

describe("a page in which links come and go", { timeout: 2 * timeout }, () => {
  let world, home;

  before(async () => {
    world = await World.open();
    home = await world.profile("home");
    await home.context.addInitScript(watch);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  /** One that stays and one that comes and goes, both warm. */
  async function pair() {
    const room = uniqueName();
    const tabs = [await home.tab("stays"), await home.tab("comes and goes")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    await tabs[0].run(() => {
      window.opened = 0;
      window.mesh.on("link", ({ open }) => {
        window.opened += Number(open);
        window.links.length = 0;
      });
    });
    const sessions = await Promise.all(tabs.map((tab) => home.context.newCDPSession(tab.page)));
    const all = (work) => Promise.all(tabs.map((tab, i) => work(sessions[i], tab)));
    await all((session) => session.send("Performance.enable"));
    await all((session) => session.send("HeapProfiler.enable"));
    const cycle = async (times) => {
      for (let done = 0; done < times; done += 10) {
        await tabs[1].run(tenTimes, room);
        // A closed node's memory is free again once the collector has come to it, and it knows nothing of its size.
        await all(collect);
      }
    };
    await cycle(WARM_UP);
    return { tabs, cycle, look: () => all(lookAt) };
  }

  async function tenTimes(room) {
    const { join } = await import("/roundtable/index.js");
    for (let i = 0; i < 10; i++) {
      await window.mesh.close();
      window.kept?.push(window.mesh, window.mesh.ring());
      window.mesh = await join({ room });
      window.mesh.on("member", () => window.mesh.members());
      await window.mesh.ready({ peers: 1, timeoutMs: 20_000 });
      // The other end has let us in as well, or it could not answer.
      const { met } = await window.mesh.bucket("things").get("thing", { level: 2 });
      if (!met) throw new Error("the one that stays has not answered");
    }
  }

  const collect = (session) => session.send("HeapProfiler.collectGarbage");

  async function lookAt(session, tab) {
    let connections;
    // What is closed goes in more than one round.
    for (let round = 0; round < 3 || (round < 10 && connections.alive > CONNECTIONS_MAX); round++) {
      await collect(session);
      await sleep(200);
      connections = await tab.run(() => window.connections());
    }
    const { metrics } = await session.send("Performance.getMetrics");
    const heap = metrics.find(({ name }) => name === "JSHeapUsedSize").value;
    return { ...connections, heap, module: await tab.run(() => window.memory.buffer.byteLength) };
  }

  test("three hundred times has no more memory and no more connections than before", { timeout }, async (t) => {
    const { tabs, cycle, look } = await pair();
    const before = await look();
    const opened = await tabs[0].run(() => window.opened);
    await cycle(300);
    assert.ok((await tabs[0].run(() => window.opened)) - opened >= 300, "a link each time");
    const after = await look();
    for (const [i, tab] of tabs.entries()) {
      t.diagnostic(`${tab.name}: ${JSON.stringify(before[i])} → ${JSON.stringify(after[i])}`);
      assert.deepEqual(complaints(before[i], after[i], 300), [], tab.name);
    }
  });

  test("and that keeps its connections or its closed nodes is found out by the same judge", { timeout }, async (t) => {
    const { tabs, cycle, look } = await pair();
    const before = await look();
    for (const tab of tabs) await tab.run(keepAll);
    await cycle(30);
    const after = await look();
    const [stays, goes] = tabs.map((_, i) => complaints(before[i], after[i], 30).join(", "));
    t.diagnostic(`${stays}; ${goes}`);
    assert.match(stays, /connections are held/);
    assert.match(goes, /connections are held, its heap grows .*, its module's memory grows/);
  });
});
