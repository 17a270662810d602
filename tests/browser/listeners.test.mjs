// The package's contract, asked in a real page: the application's own functions, when they are called, what they throw.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { assertFailures, openStage } from "./stage.mjs";

const timeout = 60_000;

describe("what the package calls", { timeout: 240_000 }, () => {
  const stage = openStage();

  test("a watch first tells of local state, later than it returns, then of each change", { timeout }, async () => {
    const [a, b] = await stage.pair();
    const calls = await a.run(async () => {
      const bucket = window.mesh.bucket("things");
      const calls = [];
      let returned = false;
      const stop = bucket.watch("w", (read) => calls.push([returned, read.found, read.value ?? null, read.met]));
      returned = true;
      const until = async (holds) => {
        for (let i = 0; i < 400 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
      };
      await until(() => calls.some(([, , , met]) => met));
      const quiet = calls.length;
      await bucket.put("w", 1);
      await until(() => calls.at(-1)[2] === 1);
      // Coalesced: of a burst the newest state is told.
      await Promise.all([2, 3, 4, 5].map((value) => bucket.put("w", value)));
      await until(() => calls.at(-1)[2] === 5);
      const burst = calls.length;
      stop();
      stop();
      await bucket.put("w", 6);
      await window.turns(20);
      return { calls, quiet, burst, after: calls.length };
    });
    assert.deepEqual(
      calls.calls[0],
      [true, false, null, calls.calls[0][3]],
      "empty at first, and not from within watch",
    );
    assert.ok(
      calls.calls.slice(0, calls.quiet).some(([, , , met]) => met),
      "a quorum has answered: empty, not loading",
    );
    assert.ok(calls.quiet <= 2, "and nothing more is said while nothing changes");
    assert.equal(calls.after, calls.burst, "nothing is told after it ended");
    assert.deepEqual(
      calls.calls.map(([returned]) => returned),
      calls.calls.map(() => true),
    );
    await b.run(() => {
      window.seen = [];
      window.mesh.bucket("things").watch("from afar", (read) => window.seen.push(read.value ?? null));
    });
    await a.put("from afar", "hello");
    await stage.world.until("a watch tells of what another wrote", () => b.run(() => window.seen.at(-1) === "hello"));
    await a.delete("from afar");
    await stage.world.until("and of its deletion", () => b.run(() => window.seen.at(-1) === null));
  });

  test("a watch of many keys tells of all at first, then of those that changed", { timeout }, async () => {
    const [a, b] = await stage.pair();
    for (const key of ["cart/b", "cart/a", "other"]) await a.put(key, key, { level: "all" });
    const first = await b.run(async () => {
      const bucket = window.mesh.bucket("things");
      window.batches = [];
      window.nothing = [];
      let returned = false;
      const keep = (batches) => (changes) => {
        batches.push(changes.map(({ key, read }) => [key, read.value ?? null, Object.isFrozen(read), returned]));
      };
      window.stop = bucket.watchAll({ prefix: "cart/" }, keep(window.batches));
      bucket.watchAll({ prefix: "none" }, keep(window.nothing));
      returned = true;
      for (let i = 0; i < 400 && window.batches.length === 0; i++) await window.turns(1);
      await window.turns(20);
      return [window.batches, window.nothing];
    });
    const all = ["cart/a", "cart/b"].map((key) => [key, key, true, true]);
    assert.deepEqual(first, [[all], [[]]], "what there is, in order, and that there is nothing");
    await a.run(() => {
      const bucket = window.mesh.bucket("things");
      return Promise.all([
        bucket.put("cart/c", 1),
        bucket.put("cart/a", 2),
        bucket.delete("cart/b"),
        bucket.put("x", 3),
      ]);
    });
    const newest = () => b.run(() => Object.fromEntries(window.batches.flat().map(([key, value]) => [key, value])));
    await stage.world.until("b is told of all three", async () => {
      const told = await newest();
      return told["cart/a"] === 2 && told["cart/b"] === null && told["cart/c"] === 1;
    });
    assert.deepEqual(Object.keys(await newest()).sort(), ["cart/a", "cart/b", "cart/c"]);
    const count = await b.run(() => {
      window.stop();
      window.stop();
      return window.batches.length;
    });
    await a.put("cart/d", 4, { level: "all" });
    assert.equal(await b.run(() => window.turns(20).then(() => window.batches.length)), count, "it has ended");
    const found = await b.run(async () => {
      const bucket = window.mesh.bucket("things");
      return window.failures([
        ["no options", () => bucket.watchAll(undefined, () => {}), "invalid-argument", "options must be an object"],
        ["a prefix", () => bucket.watchAll({ prefix: 7 }, () => {}), "invalid-argument", "prefix must be a string"],
        ["an option", () => bucket.watchAll({ prefx: "" }, () => {}), "invalid-argument", 'did you mean "prefix"'],
        ["no listener", () => bucket.watchAll({}), "invalid-argument", "listener must be a function"],
      ]);
    });
    assertFailures(found);
  });

  test("a watch of many keys brings what others own, in a room of more than N", { timeout }, async () => {
    const room = uniqueName();
    const tabs = [];
    for (let i = 0; i < 6; i++) {
      tabs.push(await stage.home.tab());
      await tabs[i].join(room);
    }
    await gather(stage.world, tabs);
    const keys = Array.from({ length: 24 }, (_, i) => `key ${String(i).padStart(2, "0")}`);
    for (const key of keys) await tabs[0].put(key, key, { level: "all" });
    await tabs[5].run(() => {
      window.told = {};
      window.calls = [];
      window.stop = window.mesh.bucket("things").watchAll({}, (changes) => {
        window.calls.push(changes.length);
        for (const { key, read } of changes) window.told[key] = read.value ?? null;
      });
    });
    const told = () => tabs[5].run(() => window.told);
    await stage.world.until("all keys are told", async () => Object.keys(await told()).length === keys.length);
    const [first] = await tabs[5].run(() => window.calls);
    assert.ok(first < keys.length, `the first call tells of the ${first} keys that this tab has`);
    for (const key of keys.slice(0, 6)) await tabs[1].delete(key);
    // It has to be shown what it replaces: a tab that does not own the key knows nothing of it.
    assert.equal((await tabs[2].get(keys[6])).value, keys[6]);
    await tabs[2].put(keys[6], "new", { level: "all" });
    await stage.world.until("and what happens to them", async () => {
      const now = await told();
      return keys.slice(0, 6).every((key) => now[key] === null) && now[keys[6]] === "new";
    });
    // What a local read shows beside what the tab owns is there for as long as it is watched.
    const local = () =>
      tabs[5].run(() =>
        window.mesh
          .bucket("things")
          .keys({ level: "local" })
          .then((all) => all.keys),
      );
    assert.deepEqual(await local(), keys.slice(6));
    await tabs[5].run(() => window.stop());
  });

  test("what a listener throws goes to reportError and disturbs nobody", { timeout }, async () => {
    const room = uniqueName();
    const tab = await stage.home.tab();
    await tab.join(room);
    await tab.run(async () => {
      window.catchReports();
      window.calm = [];
      const bucket = window.mesh.bucket("things");
      const fail = (where) => () => {
        throw new Error(`thrown by ${where}`);
      };
      bucket.watch("a", fail("a watch"));
      bucket.watch("a", (read) => window.calm.push(read.value ?? null));
      const receipt = await bucket.put("a", 1);
      receipt.onProgress(fail("a receipt"));
      receipt.onProgress(({ reached }) => window.calm.push(reached));
      window.mesh.on("member", fail("an event"));
      window.mesh.on("member", ({ member }) => window.calm.push(member.status));
    });
    const other = await stage.home.tab();
    await other.join(room);
    await gather(stage.world, [tab, other]);
    await stage.world.until("all of it is reported", async () => {
      const reported = await tab.run(() => window.reported.map((error) => error.message));
      return ["a watch", "a receipt", "an event"].every((where) => reported.includes(`thrown by ${where}`));
    });
    const calm = await tab.run(() => window.calm);
    for (const told of [1, "local", "up"]) assert.ok(calm.includes(told), `${told} was told: ${calm}`);
    assert.equal((await tab.put("after", 1, { level: 2 })).met, true);
  });

  test("updates of one key run one after another, and one that fails writes nothing", { timeout }, async () => {
    const tab = await stage.hermit();
    const found = await tab.run(async () => {
      const bucket = window.mesh.bucket("things");
      const order = [];
      const add = (name) =>
        bucket.update("n", (value = 0, siblings) => {
          order.push([name, value, siblings.length]);
          return value + 1;
        });
      await Promise.all(Array.from({ length: 20 }, (_, i) => add(i)));
      const count = await bucket.get("n");
      const cause = new Error("no");
      const update = (change) => bucket.update("n", change);
      const failing = () =>
        update(() => {
          throw cause;
        });
      const thrown = await failing().catch((error) => error);
      const failed = await window.failures([
        ["a throw", failing, "merge", "change threw \\(no\\); nothing was written"],
        ["nothing", () => update(() => undefined), "invalid-argument", "return the new value"],
        ["a promise", () => update(async () => 1), "invalid-argument", "await before"],
        ["no value", () => update(() => new Date()), "invalid-argument", "Date"],
      ]);
      const results = await Promise.allSettled([failing(), add("after a failure")]);
      const array = [];
      await bucket.put("own", { list: [1] });
      await bucket.update("own", (value) => {
        value.list.push(2); // its own copy, to change as it likes
        array.push(Object.isFrozen(value));
        return value;
      });
      return {
        order,
        count: [count.value, count.siblings.length],
        isCause: thrown.cause === cause,
        failed,
        after: results.map((result) => result.status),
        last: (await bucket.get("n")).value,
        own: (await bucket.get("own")).value,
        frozen: array,
      };
    });
    assert.deepEqual(
      found.order.slice(0, 20),
      Array.from({ length: 20 }, (_, i) => [i, i, i === 0 ? 0 : 1]),
    );
    assert.deepEqual(found.count, [20, 1]);
    assert.equal(found.isCause, true);
    assertFailures(found.failed);
    assert.deepEqual(found.after, ["rejected", "fulfilled"]);
    assert.equal(found.last, 21, "only those that succeeded were written");
    assert.deepEqual([found.own, found.frozen], [{ list: [1, 2] }, [false]]);
  });

  test("merge makes the value of siblings; the newest counts; what it throws is a cause", { timeout }, async () => {
    const tab = await stage.hermit();
    const found = await tab.run(async () => {
      window.catchReports();
      const { mesh } = window;
      const plain = mesh.bucket("things");
      const empty = await plain.get("m");
      await plain.put("m", [1], { context: empty.context });
      await plain.put("m", [2], { context: empty.context });
      const unmerged = await plain.get("m");
      const union = (siblings) => [...new Set(siblings.flat())].sort();
      const same = mesh.bucket("things", { merge: union }) === plain;
      const merged = await plain.get("m");
      mesh.bucket("things");
      const still = await plain.get("m");
      const cause = new Error("cannot");
      mesh.bucket("things", {
        merge: () => {
          throw cause;
        },
      });
      const thrown = await plain.get("m").catch((error) => error);
      const watched = await new Promise((resolve) => {
        const stop = plain.watch("m", (read) => {
          stop();
          resolve(read);
        });
      });
      const updated = await window.failure(() => plain.update("m", (value) => value));
      mesh.bucket("things", { merge: () => new Date() });
      const unstorable = await window.failure(() => plain.get("m"));
      mesh.bucket("things", {
        merge: (siblings) => {
          for (const sibling of siblings.reverse()) sibling.push(9); // its own to change
          return union(siblings);
        },
      });
      const scribbled = await plain.get("m");
      mesh.bucket("things", { merge: union });
      const written = await plain.update("m", (value) => [...value, 3]);
      const after = await plain.get("m");
      return {
        unmerged: [unmerged.value, unmerged.siblings, unmerged.value === unmerged.siblings[0]],
        same,
        merged: [merged.value, merged.siblings],
        still: still.value,
        thrown: [thrown.code, thrown.cause === cause, thrown.name],
        watched: [watched.value, watched.siblings.length],
        reported: window.reported.map((error) => [error.code, error.cause === cause]),
        updated: updated.code,
        unstorable: unstorable.code,
        scribbled: [scribbled.value, scribbled.siblings],
        written: written.reached,
        after: [after.value, after.siblings.length],
      };
    });
    const siblings = found.unmerged[1];
    assert.deepEqual([...siblings].sort(), [[1], [2]], "two writes that had seen the same are siblings");
    assert.deepEqual(found.unmerged[0], siblings[0], "without merge the first is the value");
    assert.equal(found.same, true, "the same name is the same bucket");
    assert.deepEqual(found.merged, [[1, 2], siblings]);
    assert.deepEqual(found.still, [1, 2], "naming it again without merge keeps the merge");
    assert.deepEqual(found.thrown, ["merge", true, "RoundtableError"]);
    assert.deepEqual(found.watched, [siblings[0], 2], "a watch gets the first sibling");
    assert.deepEqual(found.reported, [["merge", true]], "and the error is reported");
    assert.equal(found.updated, "merge");
    assert.equal(found.unstorable, "merge");
    assert.deepEqual(found.scribbled, [[1, 2, 9], siblings], "what merge does to its arguments reaches nobody");
    assert.deepEqual(found.after, [[1, 2, 3], 1], "the update wrote the merged value back");
  });
});
