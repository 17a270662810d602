// What a browser does to a node's disk, done for real: no room left, site data cleared, a newer page, a transaction
// that fails, no IndexedDB at all. Each ends in the typed event, in what the others see of this node, and in nothing
// lost.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { openStage } from "./stage.mjs";

const timeout = 240_000;

describe("a disk in trouble", { timeout: 600_000 }, () => {
  const stage = openStage();

  /** A node that writes down its storage events. */
  async function node(room, name, options = {}) {
    const tab = typeof name === "string" ? await stage.home.tab(name) : name;
    await tab.join(room, options);
    await tab.run(() => {
      window.troubles = [];
      window.mesh.on("storage", (trouble) => window.troubles.push(trouble));
    });
    return tab;
  }

  const troubles = (tab) => tab.run(() => window.troubles);
  const toldOf = (tab, problem) =>
    stage.world.until(`the event says ${problem}`, async () =>
      (await troubles(tab)).find((trouble) => trouble.problem === problem),
    );
  /** A put at local: what it threw, or nothing. */
  const attempt = (tab, key, bytes = 20) =>
    tab.run(
      async ([key, bytes]) => {
        // Random, or the database compresses it.
        const value = crypto.getRandomValues(new Uint8Array(65_536)).slice(0, bytes);
        const failed = await window.failure(() => window.mesh.bucket("things").put(key, value, { level: "local" }));
        return failed.code === "nothing was thrown" ? undefined : failed.code;
      },
      [key, bytes],
    );
  const disks = async (tab) => Object.fromEntries((await tab.members()).map(({ id, disk }) => [id, disk]));

  test("that is full: it is said to all, no new keys are taken, and what was acknowledged stays", {
    timeout,
  }, async () => {
    const room = uniqueName();
    // A browser of its own: Chromium asks for the quota at first use and then not again for half a minute.
    const small = await stage.profile("small");
    const page = await small.tab("full");
    const session = await small.context.newCDPSession(page.page);
    const quotaSize = 3_000_000;
    await session.send("Storage.overrideQuotaForOrigin", { origin: stage.world.origin, quotaSize });
    const [a, b] = [await node(room, page, { capacity: 128 }), await node(room, "other")];
    await gather(stage.world, [a, b]);
    const acknowledged = [];
    let refused;
    for (let i = 0; i < 200 && refused === undefined; i++) {
      refused = await attempt(a, `large ${i}`, 65_536);
      if (refused === undefined) acknowledged.push(`large ${i}`);
    }
    assert.equal(refused, "quota");
    assert.ok(acknowledged.length > 0);
    await toldOf(a, "quota");
    await stage.world.until("the others see that its disk is full", async () => (await disks(b))[a.id] === "full", {
      timeoutMs: 30_000,
    });
    await stage.world.until(
      "it owns less from now on",
      async () => (await b.members()).find(({ id }) => id === a.id).capacity < 128,
      { timeoutMs: 60_000 },
    );
    for (const key of acknowledged) assert.equal((await a.get(key, { level: "local" })).found, true, key);
    await session.send("Storage.overrideQuotaForOrigin", { origin: stage.world.origin });
    await stage.world.until("there is room again", async () => (await disks(b))[a.id] === "sound", {
      timeoutMs: 110_000,
    });
    assert.equal(await attempt(a, "afterwards"), undefined);
    await a.page.reload();
    await a.join(room);
    for (const key of [...acknowledged, "afterwards"]) {
      assert.equal((await a.get(key, { level: "local" })).found, true, `${key} after a reload`);
    }
    await small.stop();
  });

  test("that was cleared: the node says so, and takes nothing for durable from then on", { timeout }, async () => {
    const room = uniqueName();
    const [a, b] = [await node(room, "cleared"), await node(room, "other", { storage: "memory" })];
    await gather(stage.world, [a, b]);
    assert.equal(await attempt(a, "before"), undefined);
    await b.settled();
    const session = await stage.home.context.newCDPSession(a.page);
    await session.send("Storage.clearDataForOrigin", { origin: stage.world.origin, storageTypes: "indexeddb" });
    await stage.world.until("a write is refused", async () => (await attempt(a, "after")) === "storage");
    await toldOf(a, "evicted");
    await stage.world.until("the others see it", async () => (await disks(b))[a.id] === "failing", {
      timeoutMs: 30_000,
    });
    assert.equal(
      (await b.get("before", { level: "local" })).found,
      true,
      "what was acknowledged is where it was copied",
    );
    const id = a.id;
    await a.page.reload();
    assert.notEqual(await a.join(room), id, "an emptied database is a new node");
    await stage.world.until("it gets its data from the others", async () => {
      return (await a.get("before", { level: "local" })).found;
    });
  });

  test("whose transaction fails: the write is refused, the next one tried, and the refused row kept", {
    timeout,
  }, async () => {
    const room = uniqueName();
    const a = await node(room, "failing", { rendezvous: [] });
    assert.equal(await attempt(a, "before"), undefined);
    await a.run(() => {
      const put = IDBObjectStore.prototype.put;
      let failures = 1;
      IDBObjectStore.prototype.put = function (...row) {
        const request = put.apply(this, row);
        if (this.name === "objects" && failures-- > 0) this.transaction.abort();
        return request;
      };
    });
    const first = await attempt(a, "refused");
    assert.ok(first === "storage" || first === undefined, `${first}`);
    assert.equal(await attempt(a, "next"), undefined);
    await stage.world.until("all is on the disk", () =>
      a.run(() => window.mesh.settled({ timeoutMs: 5_000 }).then(() => true)),
    );
    await a.page.reload();
    await a.join(room, { rendezvous: [] });
    for (const key of ["before", "refused", "next"]) {
      assert.equal((await a.get(key, { level: "local" })).found, true, `${key} after a reload`);
    }
  });

  test("that a newer page takes: the older one lets it, says so, and joins no more", { timeout }, async () => {
    const room = uniqueName();
    const a = await node(room, "older", { rendezvous: [] });
    assert.equal(await attempt(a, "before"), undefined);
    const other = await stage.home.tab("newer");
    const upgraded = await other.run(async () => {
      const names = (await indexedDB.databases()).map(({ name }) => name);
      const opened = names
        .filter((name) => /^roundtable:[0-9a-f]+:[0-9a-f]+$/.test(name))
        .map(
          (name) =>
            new Promise((resolve, reject) => {
              const request = indexedDB.open(name, 99);
              request.onsuccess = () => resolve(request.result.close());
              request.onerror = () => reject(request.error);
            }),
        );
      await Promise.all(opened);
      return opened.length;
    });
    assert.ok(upgraded > 0, "nobody stands in its way");
    const trouble = await toldOf(a, "failed");
    assert.match(trouble.message, /newer version.*reload/);
    assert.equal(await attempt(a, "after"), "storage");
    await a.close();
    const joined = await a.run(async (room) => {
      const { join } = await import("/roundtable/index.js");
      return window.failure(() => join({ room, rendezvous: [] }));
    }, room);
    assert.equal(joined.code, "incompatible");
    assert.match(joined.message, /reload/);
  });

  test("that is not there, as in some private windows: the node lives in memory and says so", { timeout }, async () => {
    const tab = await stage.home.tab("private");
    await tab.run(() => {
      Object.defineProperty(window, "indexedDB", { get: () => undefined });
    });
    await tab.join(uniqueName(), { rendezvous: [] });
    const trouble = await tab.run(() => new Promise((resolve) => window.mesh.on("storage", resolve)));
    assert.equal(trouble.problem, "failed");
    assert.match(trouble.message, /IndexedDB is not available.*memory/);
    const put = await tab.put("a", 1, { level: "local" });
    assert.equal(put.met, true);
  });

  test("the capacity follows the device, and an explicit one wins", { timeout }, async () => {
    const joined = async (prepare, options = {}) => {
      const tab = await stage.home.tab();
      await tab.run(prepare);
      await tab.join(uniqueName(), { rendezvous: [], ...options });
      return (await tab.members())[0].capacity;
    };
    const usual = await joined(() => {});
    assert.ok([64, 128, 256].includes(usual), `${usual}`);
    const tell = (quota, memory) => `navigator.storage.estimate = async () => ({ quota: ${quota}, usage: 0 });
      Object.defineProperty(navigator, "deviceMemory", { value: ${memory} });`;
    assert.equal(await joined(`(() => { ${tell("2 ** 28", 8)} })()`), 64);
    assert.equal(await joined(`(() => { ${tell("2 ** 33", 8)} })()`), 128);
    assert.equal(await joined(`(() => { ${tell("2 ** 38", 32)} })()`), 256);
    assert.equal(await joined(`(() => { ${tell("2 ** 28", 1)} })()`, { capacity: 200 }), 200);
  });
});
