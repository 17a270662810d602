// Counters, sets and maps in real tabs: what is done on both sides of a cut is in what all show.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { uniqueName } from "./harness.mjs";
import { assertFailures, openStage, openTwo } from "./stage.mjs";

const timeout = 90_000;

/** One call on a bucket of a type. */
function call(tab, type, method, ...args) {
  return tab.run(
    async ([type, method, args]) => {
      const bucket = window.mesh.bucket(`${type} bucket`, { type });
      return JSON.parse(JSON.stringify(await bucket[method](...args)));
    },
    [type, method, args],
  );
}

const shown = async (tab, type, key, options = { level: "all" }) => (await call(tab, type, "get", key, options)).value;

describe("counters, sets and maps", { timeout: 240_000 }, () => {
  const two = openTwo();

  async function apart(a, b, work) {
    await a.run((id) => window.mesh.cut(id), b.id);
    await b.run((id) => window.mesh.cut(id), a.id);
    await two.world.until("both sides see that they are cut off", async () => {
      const [ofA, ofB] = await Promise.all([a.metrics(), b.metrics()]);
      return ofA.links === 0 && ofB.links === 0;
    });
    await work();
    await a.run((id) => window.mesh.uncut(id), b.id);
    await b.run((id) => window.mesh.uncut(id), a.id);
    await Promise.all([a.ready(1), b.ready(1)]);
    await Promise.all([a, b].map((tab) => tab.run(() => window.mesh.settled())));
  }

  test("what both sides of a cut add is in the sum, and a watcher sees it", { timeout }, async () => {
    const [a, b] = await two.pair();
    await call(a, "counter", "add", "cups", 5);
    await b.run(() => {
      window.seen = [];
      window.mesh.bucket("counter bucket", { type: "counter" }).watch("cups", (read) => window.seen.push(read.value));
    });
    await apart(a, b, async () => {
      const receipt = await call(a, "counter", "add", "cups", 2, { timeoutMs: 1_000 });
      assert.deepEqual([receipt.met, receipt.reached], [false, "local"]);
      await call(a, "counter", "add", "cups", -1, { level: "local" });
      await call(b, "counter", "add", "cups", 0.5, { level: "local" });
      await call(b, "counter", "add", "cups", undefined, { level: "local" });
    });
    await two.world.until("the watcher sees all of it", () => b.run(() => window.seen.at(-1) === 7.5));
    for (const tab of [a, b]) assert.equal(await shown(tab, "counter", "cups"), 7.5);
    const read = await call(a, "counter", "get", "cups");
    assert.deepEqual([read.found, read.siblings], [true, [7.5]], "a counter has no conflicts");
    const { keys } = await call(b, "counter", "keys");
    assert.deepEqual(keys, ["cups"]);
  });

  test("an item added on one side outlives its removal on the other", { timeout }, async () => {
    const [a, b] = await two.pair();
    for (const item of ["tea", { kind: "honey", grams: 5 }, [1, null]]) await call(a, "set", "add", "shelf", item);
    await call(b, "set", "remove", "shelf", { grams: 5, kind: "honey" });
    assert.deepEqual(await shown(a, "set", "shelf"), ["tea", [1, null]], "equal items are one, in whatever order");
    await apart(a, b, async () => {
      await call(a, "set", "remove", "shelf", "tea", { level: "local" });
      await call(a, "set", "remove", "shelf", [1, null], { level: "local" });
      await call(b, "set", "add", "shelf", "tea", { level: "local" });
    });
    for (const tab of [a, b]) assert.deepEqual(await shown(tab, "set", "shelf"), ["tea"]);
    await call(b, "set", "remove", "shelf", "tea");
    const read = await call(a, "set", "get", "shelf", { level: "all" });
    assert.deepEqual([read.found, read.siblings], [false, []]);
  });

  test("a removal with a context takes away what that had seen", { timeout }, async () => {
    const [a, b] = await two.pair();
    await call(a, "set", "add", "shelf", "tea");
    const { context } = await call(b, "set", "get", "shelf", { level: "all" });
    await call(a, "set", "add", "shelf", "tea");
    await call(b, "set", "remove", "shelf", "tea", { context });
    assert.deepEqual(await shown(a, "set", "shelf"), ["tea"]);
    await call(b, "set", "delete", "shelf");
    assert.deepEqual(await shown(a, "set", "shelf"), ["tea"], "a delete takes what its tab was shown");
    assert.deepEqual(await shown(b, "set", "shelf"), ["tea"]);
    await call(b, "set", "delete", "shelf");
    assert.equal((await call(a, "set", "get", "shelf", { level: "all" })).found, false);
  });

  test("fields never meet, and of one field the later is shown", { timeout }, async () => {
    const [a, b] = await two.pair();
    await call(a, "map", "set", "cart", "tea", { cups: 1 });
    await apart(a, b, async () => {
      await call(a, "map", "set", "cart", "honey", 5, { level: "local" });
      await call(a, "map", "set", "cart", "tea", { cups: 2 }, { level: "local" });
      await new Promise((resolve) => setTimeout(resolve, 20));
      await call(b, "map", "set", "cart", "tea", { cups: 3 }, { level: "local" });
    });
    for (const tab of [a, b]) assert.deepEqual(await shown(tab, "map", "cart"), { honey: 5, tea: { cups: 3 } });
    await call(b, "map", "unset", "cart", "tea");
    assert.deepEqual(await shown(a, "map", "cart"), { honey: 5 });
    await call(a, "map", "set", "cart", "__proto__", 1);
    await call(a, "map", "set", "cart", "toString", 2);
    const found = await a.run(async () => {
      const { value } = await window.mesh.bucket("map bucket", { type: "map" }).get("cart");
      return [Object.getPrototypeOf(value), Object.keys(value).sort(), Object.isFrozen(value), value.hasOwnProperty];
    });
    assert.deepEqual(found.slice(0, 3), [null, ["__proto__", "honey", "toString"], true]);
    assert.ok(found[3] === null || found[3] === undefined);
  });

  test("all of it is there after a reload, and goes on", { timeout }, async () => {
    const room = uniqueName();
    const tab = await two.left.tab();
    await tab.join(room, { rendezvous: [] });
    await call(tab, "counter", "add", "cups", 2);
    await call(tab, "set", "add", "shelf", "tea");
    await call(tab, "map", "set", "cart", "tea", 1);
    await tab.page.reload();
    await tab.join(room, { rendezvous: [] });
    await call(tab, "counter", "add", "cups", 1);
    const alone = { level: "local" };
    assert.equal(await shown(tab, "counter", "cups", alone), 3);
    assert.deepEqual(await shown(tab, "set", "shelf", alone), ["tea"]);
    assert.deepEqual(await shown(tab, "map", "cart", alone), { tea: 1 });
  });

  test("what has a time to live goes when it is over", { timeout }, async () => {
    const [a] = await two.pair();
    await call(a, "counter", "add", "cups", 5);
    await call(a, "counter", "add", "cups", 2, { ttlMs: 400 });
    await call(a, "set", "add", "shelf", "milk", { ttlMs: 400 });
    await call(a, "set", "add", "shelf", "tea");
    await two.world.until("both are gone", async () => {
      const [cups, shelf] = [await shown(a, "counter", "cups"), await shown(a, "set", "shelf")];
      return cups === 5 && shelf.length === 1 && shelf[0] === "tea";
    });
  });
});

describe("an object has one type", { timeout: 90_000 }, () => {
  const stage = openStage();

  test("what was written as another rejects, and nothing is harmed", { timeout }, async () => {
    const [a, b] = await stage.pair();
    await a.put("n", { plain: true }, { level: "all" });
    const found = await b.run(async () => {
      const things = window.mesh.bucket("things", { type: "counter" });
      return window.failures([
        ["a read", () => things.get("n", { level: "all" }), "incompatible", "same type everywhere"],
        ["an add", () => things.add("n"), "incompatible", "another type"],
      ]);
    });
    assertFailures(found);
    assert.deepEqual((await a.get("n", { level: "all" })).value, { plain: true });
  });

  test("what nests too deep for an item is refused", { timeout }, async () => {
    const tab = await stage.hermit();
    const found = await tab.run(async () => {
      let deep = 1;
      for (let i = 0; i < 64; i++) deep = [deep];
      const set = window.mesh.bucket("s", { type: "set" });
      return window.failures([["an item", () => set.add("a", deep), "invalid-argument", "nests too deep"]]);
    });
    assertFailures(found);
  });
});
