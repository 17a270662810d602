// The package's contract, asked in a real page: what comes back.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { openStage } from "./stage.mjs";

const timeout = 60_000;

describe("what the package hands out", { timeout: 240_000 }, () => {
  const stage = openStage();

  test("values come back as they were: bytes, every letter, -0, __proto__", { timeout }, async () => {
    const [a, b] = await stage.pair();
    const values = () => {
      const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
      const deep = Array.from({ length: 31 }).reduce((inner) => ({ inner: [inner] }), "bottom");
      return {
        null: null,
        true: true,
        false: false,
        zero: 0,
        "minus zero": -0,
        fraction: 0.1 + 0.2,
        safe: Number.MAX_SAFE_INTEGER,
        "beyond safe": 2 ** 60,
        least: Number.MIN_VALUE,
        most: -Number.MAX_VALUE,
        empty: "",
        letters: "äß→漢字👩‍👩‍👧\u0000\ufeff\ufffd",
        "a line": "\u2028",
        list: [],
        map: {},
        nested: [1, [2, { three: [null, { four: -0 }] }]],
        bytes,
        "part of bytes": bytes.subarray(10, 20),
        "nested bytes": { a: [{ b: new Uint8Array([0, 255]) }, new Uint8Array(0)] },
        proto: JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": null}'),
        "no prototype": Object.assign(Object.create(null), { x: 1 }),
        "odd names": { "": 1, " ": 2, "a.b": 3, "\u{1f600}": 4, 10: 5, 9: 6 },
        deep,
        "a long list": Array.from({ length: 5_000 }, (_, i) => i * 1.5),
        "a long text": "é".repeat(50_000),
      };
    };
    const check = `(${values.toString()})()`;
    const define = (tab) => tab.page.evaluate(`window.values = ${check}`);
    await define(a);
    await define(b);
    const problem = (actual, expected) => {
      const walk = (x, y, path) => {
        if (typeof y !== "object" || y === null) return Object.is(x, y) ? undefined : `${path}: ${String(x)}`;
        if (y instanceof Uint8Array) {
          const same = x instanceof Uint8Array && x.length === y.length && y.every((byte, i) => x[i] === byte);
          return same ? undefined : `${path}: other bytes`;
        }
        if (Array.isArray(y) !== Array.isArray(x)) return `${path}: a list?`;
        if (!Array.isArray(x) && Object.getPrototypeOf(x) !== Object.prototype) return `${path}: an odd prototype`;
        const names = Object.keys(y).sort();
        if (JSON.stringify(Object.keys(x).sort()) !== JSON.stringify(names)) return `${path}: ${Object.keys(x)}`;
        for (const name of names) {
          const own = Object.getOwnPropertyDescriptor(x, name);
          const trouble = walk(own.value, Object.getOwnPropertyDescriptor(y, name).value, `${path}.${name}`);
          if (trouble !== undefined) return trouble;
        }
        return undefined;
      };
      return walk(actual, expected, "value");
    };
    for (const tab of [a, b]) await tab.page.evaluate(`window.problem = ${problem.toString()}`);
    await a.run(async () => {
      const bucket = window.mesh.bucket("values");
      await Promise.all(Object.entries(window.values).map(([name, value]) => bucket.put(name, value, { level: 2 })));
    });
    const problems = (tab, level) =>
      tab.run(async (level) => {
        const bucket = window.mesh.bucket("values");
        const found = {};
        for (const [name, value] of Object.entries(window.values)) {
          const read = await bucket.get(name, { level });
          const problem = read.found ? window.problem(read.value, value) : "not found";
          if (problem !== undefined) found[name] = problem;
        }
        return found;
      }, level);
    assert.deepEqual(await problems(a, "local"), {}, "from memory");
    assert.deepEqual(await problems(b, "quorum"), {}, "over the wire");
    assert.equal(await a.run(() => ({}).polluted), undefined);
    const { id } = a;
    await a.page.reload();
    await define(a);
    await a.page.evaluate(`window.problem = ${problem.toString()}`);
    const room = await b.run(() => window.mesh.room);
    assert.equal(await a.join(room), id);
    assert.deepEqual(await problems(a, "local"), {}, "from the disk");
    const dropped = await a.run(async () => {
      const bucket = window.mesh.bucket("values");
      await bucket.put("undefined", { here: 1, gone: undefined }, { level: "local" });
      return Object.keys((await bucket.get("undefined", { level: "local" })).value);
    });
    assert.deepEqual(dropped, ["here"], "undefined properties are dropped, as JSON does");
  });

  test("all that is handed out is frozen, and members() is one array until it changes", { timeout }, async () => {
    const room = uniqueName();
    const tab = await stage.home.tab();
    await tab.join(room);
    const loose = await tab.run(async () => {
      const { mesh } = window;
      const bucket = mesh.bucket("things");
      const receipt = await bucket.put("a", { deep: [{ er: 1 }] });
      const read = await bucket.get("a");
      const missing = await bucket.get("nothing");
      const handed = {
        receipt,
        read,
        missing,
        members: mesh.members(),
        metrics: mesh.metrics(),
        list: mesh.preferenceList("things", "a"),
        keys: await bucket.keys(),
        ring: mesh.ring(),
      };
      await new Promise((resolve) => {
        bucket.watch("a", (watched) => {
          handed.watched = watched;
          resolve();
        });
      });
      await new Promise((resolve) => {
        receipt.onProgress((next) => {
          handed.progress = next;
          resolve();
        });
      });
      const found = [];
      const walk = (part, path) => {
        if (typeof part !== "object" || part === null || part instanceof Uint8Array) return;
        if (!Object.isFrozen(part)) found.push(path);
        for (const [name, inner] of Object.entries(part)) walk(inner, `${path}.${name}`);
      };
      for (const [name, part] of Object.entries(handed)) walk(part, name);
      return found;
    });
    assert.deepEqual(loose, []);
    const before = await tab.run(async () => {
      window.first = window.mesh.members();
      window.told = [];
      window.mesh.on("member", ({ member, previous }) => window.told.push({ ...member, previous }));
      await window.mesh.bucket("things").put("b", 1);
      await window.turns(5);
      return { same: window.first === window.mesh.members(), length: window.first.length, told: window.told.length };
    });
    assert.deepEqual(before, { same: true, length: 1, told: 0 }, "a write changes no member");
    const other = await stage.home.tab();
    await other.join(room);
    await gather(stage.world, [tab, other]);
    const after = await tab.run((now = window.mesh.members()) => ({
      same: window.first === now,
      length: window.first.length,
      told: window.told.map(({ id, status, linked }) => ({ id, status, linked })),
      again: window.mesh.members() === now,
    }));
    assert.deepEqual([after.same, after.length, after.again], [false, 1, true], "the old array stays as it was");
    const last = after.told.filter((member) => member.id === other.id).at(-1);
    assert.deepEqual(last, { id: other.id, status: "up", linked: true }, "and each change is told");
  });

  test("receipts end: complete, superseded, or closed", { timeout }, async () => {
    const tab = await stage.hermit({ n: 1 });
    const complete = await tab.run(async () => {
      const receipt = await window.mesh.bucket("things").put("a", 1, { level: "all" });
      const told = await new Promise((resolve) => receipt.onProgress((next) => resolve(next === receipt)));
      return { ...receipt, told };
    });
    const { requested, needed, met, reached, owners, devices, ended, told } = complete;
    assert.deepEqual(
      { requested, needed, met, reached, owners, devices, ended, told },
      {
        requested: "all",
        needed: 1,
        met: true,
        reached: "all",
        owners: [tab.id],
        devices: 1,
        ended: "complete",
        told: true,
      },
    );

    const other = await stage.hermit();
    const ends = await other.run(async () => {
      const bucket = window.mesh.bucket("things");
      const last = {};
      const follow = (name, receipt) =>
        receipt.onProgress((next) => {
          last[name] = next.ended ?? "open";
        });
      const first = await bucket.put("a", 1);
      follow("first", first);
      await window.turns(5);
      const open = { ...last };
      const second = await bucket.put("a", 2);
      follow("second", second);
      await window.turns(5);
      const after = { ...last };
      await window.mesh.close();
      await window.turns(5);
      return { open, after, closed: last, frozen: first.ended ?? "open" };
    });
    assert.deepEqual(ends, {
      open: { first: "open" },
      after: { first: "superseded", second: "open" },
      closed: { first: "superseded", second: "closed" },
      frozen: "open",
    });
  });

  test("contexts are opaque text that may be kept and sent", { timeout }, async () => {
    const [a, b] = await stage.pair();
    await a.put("c", "first", { level: 2 });
    const { context } = await a.get("c");
    assert.equal(typeof context, "string");
    await a.put("c", "second", { level: 2 });
    await b.put("c", "third", { level: 2, context });
    const both = await b.get("c");
    assert.deepEqual([...both.siblings].sort(), ["second", "third"], "what the context had not seen stays");
    const receipt = await a.put("c", "fourth", { level: 2, context: both.context });
    assert.deepEqual((await b.get("c")).siblings, ["fourth"], "what it had seen is superseded");
    await b.delete("c", { level: 2, context: receipt.context });
    assert.equal((await a.get("c", { level: 2 })).found, false);
    await a.put("d", 1, { level: 2 });
    assert.equal((await b.delete("d", { level: 2 })).met, true, "a delete without a context reads first");
    assert.equal((await a.get("d", { level: 2 })).found, false);
  });

  test("keys come in the order of their UTF-8 bytes", { timeout }, async () => {
    const tab = await stage.hermit({ n: 1 });
    const names = ["", "a", "a/1", "a/10", "a/2", "b", "ä", "｡", "😀"];
    await tab.run(async (names) => {
      const bucket = window.mesh.bucket("things");
      for (const name of names.toReversed()) await bucket.put(name, 1);
      await window.mesh.bucket("thing").put("not here", 1);
      await bucket.put("deleted", 1);
      await bucket.delete("deleted");
    }, names);
    const all = await tab.keys();
    assert.deepEqual([all.keys, all.met, all.answered], [names, true, [tab.id]]);
    assert.deepEqual((await tab.keys({ prefix: "a/" })).keys, ["a/1", "a/10", "a/2"]);
    assert.deepEqual((await tab.keys({ prefix: "zz" })).keys, []);
  });
});
