// A node's connection to its database: held up by an older page, lost underneath, gone while nothing is written.
//
// Chromium does the first and the last of it for real. It loses no connection by itself; WebKit does, and what it then
// does to a page is done to the page here: "close" is told, transactions and openings fail with "UnknownError".
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { openStage } from "./stage.mjs";

const timeout = 120_000;
const deviceName = "07".repeat(16);

/** Run in a page before it joins: `lose()` is what WebKit does after a while in the background. */
function prepare() {
  const [open, begin] = [IDBFactory.prototype.open, IDBDatabase.prototype.transaction];
  const lost = () => new DOMException("Connection to Indexed Database server lost. Refresh the page", "UnknownError");
  const databases = new Set();
  window.isAway = false;
  IDBFactory.prototype.open = function (name, ...rest) {
    if (window.isAway) throw lost();
    const request = open.call(this, name, ...rest);
    const isNode = /^roundtable:[0-9a-f]+:[0-9a-f]+$/.test(name);
    if (isNode) request.addEventListener("success", () => databases.add(request.result));
    return request;
  };
  window.lose = () => {
    for (const database of databases) {
      database.close();
      database.dispatchEvent(new Event("close"));
    }
    databases.clear();
  };
  /** Fails the next transactions as they are, and tells of the connection only afterwards. */
  window.failNext = (count) => {
    IDBDatabase.prototype.transaction = function (...rest) {
      const transaction = begin.apply(this, rest);
      if (!databases.has(this) || count-- <= 0) return transaction;
      transaction.commit = () => {};
      Object.defineProperty(transaction, "error", { get: lost });
      queueMicrotask(() => transaction.abort());
      transaction.addEventListener("abort", () => setTimeout(window.lose, 0));
      return transaction;
    };
  };
}

describe("the connection to the database", { timeout: 400_000 }, () => {
  const stage = openStage();

  async function join(tab, room, options = {}) {
    await tab.join(room, options);
    await tab.run(() => {
      window.troubles = [];
      window.mesh.on("storage", (trouble) => window.troubles.push(trouble));
    });
  }

  async function node(room, name, options = {}) {
    const tab = await stage.home.tab(name);
    await tab.run(prepare);
    await join(tab, room, options);
    return tab;
  }

  const troubles = (tab) => tab.run(() => window.troubles);
  const told = (tab, problem) =>
    stage.world.until(`the event says ${problem}`, async () =>
      (await troubles(tab)).find((trouble) => trouble.problem === problem),
    );
  const diskOf = async (witness, tab) => (await witness.members()).find(({ id }) => id === tab.id)?.disk;
  const isThere = async (tab, key) => (await tab.get(key, { level: "local" })).found;
  const attempt = (tab, key) =>
    tab.run(async (key) => {
      const failed = await window.failure(() => window.mesh.bucket("things").put(key, 1, { level: "local" }));
      return failed.code === "nothing was thrown" ? undefined : failed.code;
    }, key);

  /** A page of the first version, which holds the device's index open and never listens. */
  async function olderPage() {
    const tab = await stage.home.tab("older");
    await tab.run(async () => {
      const done = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      await done(indexedDB.deleteDatabase("roundtable:device"));
      const opening = indexedDB.open("roundtable:device", 1);
      opening.onupgradeneeded = () => {
        const made = ["device", "slots"].map((name) => opening.result.createObjectStore(name));
        made[0].put(new Uint8Array(16).fill(7), new TextEncoder().encode("id"));
      };
      window.held = await done(opening);
    });
    return tab;
  }

  const deviceOf = async (tab) => (await tab.members()).find(({ self }) => self).device;

  test("that an older page holds up waits for it, says so, and goes on when it lets go", { timeout }, async () => {
    const older = await olderPage();
    const tab = await stage.home.tab("newer");
    const joining = join(tab, uniqueName(), { rendezvous: [] });
    setTimeout(() => older.page.close(), 1_500);
    await joining;
    const trouble = await told(tab, "blocked");
    assert.match(trouble.message, /another tab.*close or reload/);
    assert.equal(await deviceOf(tab), deviceName, "the index was brought over");
    assert.equal(await attempt(tab, "afterwards"), undefined);
  });

  test("that an older page goes on holding is an error that says what to do, and then works", { timeout }, async () => {
    const older = await olderPage();
    const tab = await stage.home.tab("newer");
    const room = uniqueName();
    const refused = await tab.run(async (room) => {
      const { join } = await import("/roundtable/index.js");
      const begun = performance.now();
      const failure = await window.failure(() => join({ room, rendezvous: [] }));
      return { ...failure, took: performance.now() - begun };
    }, room);
    assert.equal(refused.code, "storage");
    assert.match(refused.message, /another tab.*close or reload.*try again/);
    assert.ok(refused.took < 20_000, `in ${refused.took} ms`);
    const again = join(tab, room, { rendezvous: [] });
    await older.page.close();
    await again;
    assert.equal(await deviceOf(tab), deviceName, "what was given up has not made the index half");
    assert.equal(await attempt(tab, "afterwards"), undefined);
    // What nobody waited for any more holds nothing open either.
    const deleted = await tab.run(
      () =>
        new Promise((resolve) => {
          const request = indexedDB.deleteDatabase("roundtable:device");
          request.onsuccess = () => resolve("deleted");
          request.onblocked = () => resolve("blocked");
        }),
    );
    assert.equal(deleted, "deleted");
  });

  test("that is lost is opened again, and nobody notices", { timeout }, async () => {
    const room = uniqueName();
    const [a, b] = [await node(room, "loser"), await node(room, "other", { storage: "memory" })];
    await gather(stage.world, [a, b]);
    assert.equal(await attempt(a, "before"), undefined);
    await a.run(() => window.lose());
    assert.equal(await attempt(a, "after"), undefined);
    const receipts = await a.run(async () => {
      const things = window.mesh.bucket("things");
      const some = (what) => Array.from({ length: 10 }, (_, i) => things.put(`${what} ${i}`, i, { level: "local" }));
      window.failNext(1);
      const failed = some("failed");
      await Promise.race(failed);
      const during = some("during");
      window.lose();
      return (await Promise.all([...failed, ...during])).map(({ met }) => met);
    });
    assert.deepEqual(receipts, Array(20).fill(true));
    assert.deepEqual(await troubles(a), []);
    assert.equal(await diskOf(b, a), "sound");
    await a.page.reload();
    await join(a, room, { rendezvous: [] });
    for (const key of ["before", "after", "failed 0", "failed 9", "during 0", "during 9"]) {
      assert.equal(await isThere(a, key), true, `${key} after a reload`);
    }
  });

  test("that stays lost is told to all, and what it refused is kept once it is back", { timeout }, async () => {
    const room = uniqueName();
    const [a, b] = [await node(room, "loser"), await node(room, "other", { storage: "memory" })];
    await gather(stage.world, [a, b]);
    assert.equal(await attempt(a, "before"), undefined);
    await a.run(() => {
      window.isAway = true;
      window.lose();
    });
    assert.equal(await attempt(a, "refused"), "storage");
    assert.match((await told(a, "failed")).message, /server lost|closed the database/);
    await stage.world.until("the other sees it", async () => (await diskOf(b, a)) === "failing");
    await a.run(() => {
      window.isAway = false;
    });
    await stage.world.until("it is sound again", async () => (await diskOf(b, a)) === "sound", { timeoutMs: 60_000 });
    assert.equal(await attempt(a, "afterwards"), undefined);
    await a.page.reload();
    await join(a, room, { rendezvous: [] });
    for (const key of ["before", "refused", "afterwards"]) {
      assert.equal(await isThere(a, key), true, `${key} after a reload`);
    }
  });

  test("that ends while nothing is written is told to all at once", { timeout }, async () => {
    const room = uniqueName();
    const [a, b] = [await node(room, "cleared"), await node(room, "other", { storage: "memory" })];
    await gather(stage.world, [a, b]);
    assert.equal((await a.put("before", 1, { level: 2 })).met, true);
    await Promise.all([a.settled(), b.settled()]);
    const session = await stage.home.context.newCDPSession(a.page);
    await session.send("Storage.clearDataForOrigin", { origin: stage.world.origin, storageTypes: "indexeddb" });
    await told(a, "evicted");
    await stage.world.until("the other sees it", async () => (await diskOf(b, a)) === "failing");
    const receipt = await b.put("before", 2, { level: 2, timeoutMs: 3_000 });
    assert.equal(receipt.owners.includes(a.id), false, "it counts for no write any more");
    assert.equal((await a.get("before", { level: "local" })).value, 2, "and it still takes in what it knew");
  });
});
