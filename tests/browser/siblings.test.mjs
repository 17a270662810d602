// True concurrency: what is written on both sides of a cut is kept on both, shown to all, and resolved by one update.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openTwo } from "./stage.mjs";

const timeout = 90_000;

describe("two tabs write the same key while their channel is cut", { timeout: 180_000 }, () => {
  const two = openTwo();

  /** Keeps every state that a watch brings. */
  function watch(tab, key) {
    return tab.run((key) => {
      window.seen = [];
      window.mesh.bucket("things").watch(key, (read) => window.seen.push(read));
    }, key);
  }

  async function concurrentWrites(a, b, cut, uncut) {
    const before = await a.put("cart", ["bread"], { level: "all" });
    assert.equal(before.owners.length, 2, "both have it");
    for (const tab of [a, b]) assert.deepEqual((await tab.get("cart")).value, ["bread"]);
    await watch(a, "cart");
    await watch(b, "cart");
    await cut();
    await two.world.until("both sides see that they are cut off", async () => {
      const [ofA, ofB] = await Promise.all([a.metrics(), b.metrics()]);
      return ofA.links === 0 && ofB.links === 0;
    });
    const [one, other] = await Promise.all([
      a.put("cart", ["bread", "tea"], { timeoutMs: 2_000 }),
      b.put("cart", ["bread", "honey"], { timeoutMs: 2_000 }),
    ]);
    assert.deepEqual([one.met, one.needed, one.reached, one.owners], [false, 2, "local", [a.id]]);
    assert.deepEqual([other.met, other.needed, other.reached, other.owners], [false, 2, "local", [b.id]]);
    assert.deepEqual((await a.get("cart", { level: "local" })).siblings, [["bread", "tea"]], "each sees its own");
    assert.deepEqual((await b.get("cart", { level: "local" })).siblings, [["bread", "honey"]]);
    await uncut();
    await Promise.all([a.ready(1), b.ready(1)]);
  }

  async function resolvedByOneUpdate(a, b) {
    const expected = [
      ["bread", "honey"],
      ["bread", "tea"],
    ];
    const seenBy = (tab) => tab.run(() => window.seen.at(-1));
    const sorted = (read) => [...read.siblings].sort();
    await two.world.until("a watch on both sides shows both siblings", async () => {
      const reads = await Promise.all([seenBy(a), seenBy(b)]);
      return reads.every((read) => read.siblings.length === 2);
    });
    const reads = [await a.get("cart"), await b.get("cart"), await seenBy(a), await seenBy(b)];
    for (const read of reads) {
      assert.deepEqual(sorted(read), expected);
      assert.deepEqual(read.siblings, reads[0].siblings, "in the same order everywhere");
    }
    assert.deepEqual([reads[0].met, reads[0].needed, reads[0].answered.length], [true, 2, 2]);

    const receipt = await b.run(() =>
      window.mesh.bucket("things").update("cart", (_, siblings) => [...new Set(siblings.flat())].sort()),
    );
    assert.equal(receipt.met, true);
    const merged = ["bread", "honey", "tea"];
    await two.world.until("a watch on both sides shows the one merged value", async () => {
      const latest = await Promise.all([seenBy(a), seenBy(b)]);
      return latest.every((read) => read.siblings.length === 1 && read.value.length === 3);
    });
    for (const read of [await a.get("cart"), await b.get("cart"), await seenBy(a), await seenBy(b)]) {
      assert.deepEqual(read.siblings, [merged]);
    }
  }

  test("both see both after it heals, and one update resolves them", { timeout }, async () => {
    const [a, b] = await two.pair();
    await concurrentWrites(
      a,
      b,
      () => Promise.all([a.cut(b.id), b.cut(a.id)]),
      () => Promise.all([a.uncut(b.id), b.uncut(a.id)]),
    );
    await resolvedByOneUpdate(a, b);
  });

  test("it is the same when only one side has cut the other off", { timeout }, async () => {
    const [a, b] = await two.pair();
    await concurrentWrites(
      a,
      b,
      () => a.cut(b.id),
      () => a.uncut(b.id),
    );
    await resolvedByOneUpdate(a, b);
  });

  test("what was deleted on one side and written on the other is not lost", { timeout }, async () => {
    const [a, b] = await two.pair();
    await a.put("note", "first", { level: "all" });
    await b.get("note");
    await Promise.all([a.cut(b.id), b.cut(a.id)]);
    await a.delete("note", { timeoutMs: 2_000 });
    await b.put("note", "second", { timeoutMs: 2_000 });
    await Promise.all([a.uncut(b.id), b.uncut(a.id)]);
    await Promise.all([a.ready(1), b.ready(1)]);
    for (const tab of [a, b]) {
      await two.world.until(`${tab.name} reads what was written`, async () => {
        const read = await tab.get("note");
        return read.met && read.siblings.length === 1 && read.value === "second";
      });
    }
    await b.delete("note", { level: "all" });
    for (const tab of [a, b]) assert.equal((await tab.get("note", { level: "all" })).found, false);
  });
});
