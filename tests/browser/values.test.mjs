// What is said of a value beside the value: when it expires, and that its last write wins.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertFailures, openStage } from "./stage.mjs";

const timeout = 60_000;

describe("values that expire, and last-write-wins buckets", { timeout: 180_000 }, () => {
  const stage = openStage();

  const cursors = (tab, work, argument) =>
    tab.run(
      ([work, argument]) => {
        const bucket = window.mesh.bucket("cursors", { type: "lww" });
        return work === "get" ? bucket.get("mine") : bucket.put("mine", argument, { timeoutMs: 2_000 });
      },
      [work, argument],
    );

  test("a value with a time to live goes out of sight on every tab, and a later one lives on", {
    timeout,
  }, async () => {
    const [a, b] = await stage.pair();
    await b.run(() => {
      window.seen = [];
      window.mesh.bucket("things").watch("session", (read) => window.seen.push(read.found));
    });
    const ttlMs = 4_000;
    const before = Date.now();
    await a.put("session", "here", { level: "all", ttlMs });
    await a.put("note", "stays", { level: "all" });
    for (const tab of [a, b]) {
      const read = await tab.get("session");
      if (Date.now() - before < ttlMs) assert.equal(read.value, "here");
    }
    await stage.world.until("the watch was told that it came, and that it went", () =>
      b.run(() => window.seen.includes(true) && window.seen.at(-1) === false),
    );
    assert.ok(Date.now() - before >= ttlMs, "and not too early");
    for (const tab of [a, b]) {
      const read = await tab.get("session");
      assert.deepEqual([read.found, read.value, read.siblings], [false, undefined, []]);
      assert.deepEqual((await tab.keys()).keys, ["note"]);
      assert.equal((await tab.metrics()).keys, 1);
    }
    await b.put("session", "back", { level: "all" });
    for (const tab of [a, b]) assert.deepEqual((await tab.get("session")).siblings, ["back"]);
  });

  test("what expired while its tab was closed is not shown by the tab that takes its place", { timeout }, async () => {
    const tab = await stage.home.tab();
    const room = `expiry-${Date.now()}`;
    await tab.join(room, { rendezvous: [] });
    await tab.put("session", "here", { level: "local", ttlMs: 2_000 });
    await tab.close();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await tab.join(room, { rendezvous: [] });
    assert.equal((await tab.get("session", { level: "local" })).found, false);
    assert.deepEqual((await tab.keys({ level: "local" })).keys, []);
  });

  test("of two writes on both sides of a cut, a last-write-wins bucket shows the later", { timeout }, async () => {
    const [a, b] = await stage.pair();
    await Promise.all([a.cut(b.id), b.cut(a.id)]);
    await cursors(a, "put", { x: 1 });
    await cursors(b, "put", { x: 2 });
    await Promise.all([a.uncut(b.id), b.uncut(a.id)]);
    await Promise.all([a.ready(1), b.ready(1)]);
    await Promise.all([a.settled(), b.settled()]);
    for (const tab of [a, b]) assert.deepEqual((await cursors(tab, "get")).siblings, [{ x: 2 }]);
  });

  test("a bucket has one type, and a value of another is not taken for one of its own", { timeout }, async () => {
    const [a, b] = await stage.pair();
    await a.put("mine", "a register", { level: "all" }, "cursors");
    const found = await b.run(() => {
      const { mesh } = window;
      const bucket = mesh.bucket("cursors", { type: "lww" });
      return window.failures([
        ["another type here", () => mesh.bucket("cursors"), "invalid-argument", 'already open with type "lww"'],
        ["a merge", () => mesh.bucket("c", { type: "lww", merge: () => 1 }), "invalid-argument", "leave merge out"],
        ["a get", () => bucket.get("mine"), "incompatible", 'written as "siblings"'],
        ["an update", () => bucket.update("mine", () => 1), "incompatible", 'written as "siblings"'],
      ]);
    });
    assertFailures(found);
    await cursors(b, "put", "the last");
    assert.equal((await cursors(b, "get")).value, "the last", "a put supersedes it");
  });
});
