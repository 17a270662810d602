// A write is never refused for want of peers: it says what it reached, and goes on.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { gather, uniqueName, World } from "./harness.mjs";

const timeout = 90_000;

describe("a write while alone", { timeout: 180_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  /** Writes and keeps the receipts as they come. */
  function putAndFollow(tab, key, value, options) {
    return tab.run(
      async ([key, value, options]) => {
        window.receipts = [];
        const began = performance.now();
        const receipt = await window.mesh.bucket("things").put(key, value, options);
        const ms = performance.now() - began;
        receipt.onProgress((next) => window.receipts.push({ ...next }));
        return { ...receipt, ms, calledAtOnce: window.receipts.length > 0 };
      },
      [key, value, options],
    );
  }

  test("succeeds at local, and says at once that its own level was not met", { timeout }, async () => {
    const tab = await left.tab();
    const id = await tab.join(uniqueName());
    for (const [level, needed, met] of [
      ["local", 1, true],
      ["one", 1, false],
      ["quorum", 2, false],
      ["all", 3, false],
      [1, 1, true],
      [2, 2, false],
      [7, 3, false],
    ]) {
      const receipt = await putAndFollow(tab, `at ${level}`, level, { level });
      const { requested, reached, owners, fallbacks, devices, ended } = receipt;
      assert.deepEqual(
        { requested, needed: receipt.needed, met: receipt.met, reached, owners, fallbacks, devices, ended },
        { requested: level, needed, met, reached: "local", owners: [id], fallbacks: [], devices: 1, ended: undefined },
      );
      assert.ok(receipt.ms < 1_000, `nobody is left to wait for, and it took ${Math.round(receipt.ms)} ms`);
      assert.equal(receipt.calledAtOnce, false, "onProgress calls back later, never from within");
      assert.equal((await tab.get(`at ${level}`, { level: "local" })).value, level);
    }
    const byDefault = await putAndFollow(tab, "by default", 1, {});
    assert.deepEqual([byDefault.requested, byDefault.needed, byDefault.met], ["quorum", 2, false]);
    const read = await tab.get("by default");
    assert.deepEqual([read.found, read.value, read.met, read.needed], [true, 1, false, 2], "nor is a read refused");
  });

  test("arrives at the others when they come, and its receipt rises until all owners have it", {
    timeout,
  }, async () => {
    const room = uniqueName();
    const first = await left.tab("first");
    await first.join(room);
    const receipt = await putAndFollow(first, "letter", { text: "to whom it may concern" }, {});
    assert.deepEqual([receipt.met, receipt.reached, receipt.needed], [false, "local", 2]);

    const second = await right.tab("second");
    await second.join(room);
    await world.until("the second reads what was written before it came", async () => {
      const read = await second.get("letter");
      return read.met && read.value?.text === "to whom it may concern";
    });
    await world.until("the receipt has risen to a quorum", () =>
      first.run(() => window.receipts.at(-1).met && window.receipts.at(-1).reached === "quorum"),
    );

    const third = await left.tab("third");
    await third.join(room);
    await world.until("the receipt is complete", () => first.run(() => window.receipts.at(-1).ended === "complete"));
    const receipts = await first.run(() => window.receipts);
    const last = receipts.at(-1);
    assert.deepEqual([last.met, last.reached, last.devices], [true, "all", 2]);
    assert.deepEqual(last.owners, [first.id, second.id, third.id].sort());
    const rank = (receipt) => ["local", "one", "quorum", "all"].indexOf(receipt.reached);
    assert.equal(receipts[0].met, false, "the first call brings the state it was asked of");
    for (const [i, next] of receipts.entries()) {
      assert.ok(i === 0 || rank(next) >= rank(receipts[i - 1]), `a receipt only rises: ${JSON.stringify(receipts)}`);
    }
    await gather(world, [first, second, third]);
    for (const tab of [second, third]) {
      const own = await tab.get("letter", { level: "local" });
      assert.deepEqual(own.value, { text: "to whom it may concern" }, `${tab.name} holds it itself`);
    }
  });

  test("a hundred writes of an afternoon alone arrive too, deletions included", { timeout }, async () => {
    const room = uniqueName();
    const first = await left.tab("first");
    await first.join(room);
    await first.run(async () => {
      const bucket = window.mesh.bucket("things");
      await Promise.all(Array.from({ length: 100 }, (_, i) => bucket.put(`entry ${i}`, i, { level: "local" })));
      await Promise.all(Array.from({ length: 10 }, (_, i) => bucket.delete(`entry ${i}`, { level: "local" })));
    });
    const second = await right.tab("second");
    await second.join(room);
    await gather(world, [first, second]);
    const held = await second.run(async () => {
      const bucket = window.mesh.bucket("things");
      const reads = await Promise.all(
        Array.from({ length: 100 }, (_, i) => bucket.get(`entry ${i}`, { level: "local" })),
      );
      return reads.map((read) => read.value);
    });
    assert.deepEqual(
      held,
      Array.from({ length: 100 }, (_, i) => (i < 10 ? undefined : i)),
    );
    assert.equal((await second.keys({ prefix: "entry" })).keys.length, 90);
  });

  test("a write that nobody has yet survives its tab, and arrives after a reload", { timeout }, async () => {
    const room = uniqueName();
    const first = await left.tab("first");
    await first.join(room);
    await first.put("outbox", "still here", { level: "local" });
    await first.page.reload();
    await first.join(room);
    const second = await right.tab("second");
    await second.join(room);
    await world.until("the second holds it", async () => {
      return (await second.get("outbox", { level: "local" })).value === "still here";
    });
  });
});
