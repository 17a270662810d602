// The package's contract, asked in a real page: what is refused and how, what comes back, when listeners are called.
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gather, packageFolder, uniqueName, World, within } from "./harness.mjs";

const timeout = 60_000;

/** What every page of this file has: `failure(work)` is what it threw, as something that can be sent. */
function helpers() {
  window.failure = async (work) => {
    try {
      await work();
      return { code: "nothing was thrown" };
    } catch (error) {
      const { RoundtableError } = await import("/roundtable/index.js");
      const { name, code, message } = error;
      return { name, code, message, ours: error instanceof RoundtableError && error instanceof Error };
    }
  };
  /** [name, work, code, what the message must say][] → the same with what came. */
  window.failures = async (cases) => {
    const found = [];
    for (const [name, work, code, says] of cases) found.push({ name, code, says, got: await window.failure(work) });
    return found;
  };
  /** The messages of what was given to reportError; they do not count as errors of the page. */
  window.reported = [];
  window.catchReports = () => {
    window.addEventListener("error", (event) => {
      window.reported.push(event.error);
      event.preventDefault();
    });
  };
  window.turns = async (count) => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  };
}

function assertFailures(found) {
  assert.ok(found.length > 0);
  for (const { name, code, says, got } of found) {
    assert.equal(got.code, code, `${name}: ${JSON.stringify(got)}`);
    assert.equal(got.name, "RoundtableError", name);
    assert.equal(got.ours, true, `${name} is an instance of what the package exports`);
    assert.match(got.message, new RegExp(says), name);
  }
}

describe("the package's contract", { timeout: 240_000 }, () => {
  let world, home;

  before(async () => {
    world = await World.open();
    home = await world.profile("home");
    await home.context.addInitScript(helpers);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  /** One node that nobody will ever meet. */
  async function hermit(options = {}) {
    const tab = await home.tab();
    await tab.join(uniqueName(), { rendezvous: [], ...options });
    return tab;
  }

  async function pair() {
    const room = uniqueName();
    const tabs = [await home.tab("a"), await home.tab("b")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    return tabs;
  }

  test("join refuses what it cannot honour, and says what to do", { timeout }, async () => {
    const tab = await home.tab();
    const found = await tab.run(async (room) => {
      const { join } = await import("/roundtable/index.js");
      return window.failures([
        ["nothing", () => join(), "invalid-argument", 'join\\({ room: "kitchen" }\\)'],
        ["null", () => join(null), "invalid-argument", "object"],
        ["a string", () => join("kitchen"), "invalid-argument", "object"],
        ["no room", () => join({}), "invalid-argument", "room must be a string"],
        ["an empty room", () => join({ room: "" }), "invalid-argument", "1 to 256"],
        ["257 bytes", () => join({ room: "x".repeat(257) }), "invalid-argument", "1 to 256"],
        ["258 bytes in 129 letters", () => join({ room: "é".repeat(129) }), "invalid-argument", "258"],
        ["a lone surrogate", () => join({ room: "\ud800" }), "invalid-argument", "surrogate"],
        ["a misspelt option", () => join({ room, labell: "x" }), "invalid-argument", 'did you mean "label"'],
        ["an unknown option", () => join({ room, colour: "red" }), "invalid-argument", 'unknown option "colour"'],
        ["a secret", () => join({ room, secret: "s" }), "invalid-argument", "not implemented yet.*protect"],
        ["a secret of bytes", () => join({ room, secret: new Uint8Array(16) }), "invalid-argument", "not implemented"],
        ["storage", () => join({ room, storage: "disk" }), "invalid-argument", '"indexeddb" or "memory"'],
        ["capacity 0", () => join({ room, capacity: 0 }), "invalid-argument", "1 to 1024"],
        ["capacity 1025", () => join({ room, capacity: 1025 }), "invalid-argument", "1 to 1024"],
        ["capacity 1.5", () => join({ room, capacity: 1.5 }), "invalid-argument", "whole number"],
        ["n 0", () => join({ room, n: 0 }), "invalid-argument", "1 to 7"],
        ["n 8", () => join({ room, n: 8 }), "invalid-argument", "1 to 7"],
        ["n in words", () => join({ room, n: "3" }), "invalid-argument", "1 to 7"],
        ["r", () => join({ room, r: "most" }), "invalid-argument", "quorum"],
        ["w", () => join({ room, w: 0 }), "invalid-argument", "quorum"],
        ["a label", () => join({ room, label: 7 }), "invalid-argument", "label must be a string"],
        ["a long label", () => join({ room, label: "x".repeat(65) }), "invalid-argument", "at most 64"],
        ["a signal", () => join({ room, signal: {} }), "invalid-argument", "AbortSignal"],
        ["one rendezvous", () => join({ room, rendezvous: "ws://x" }), "invalid-argument", "array"],
        ["http", () => join({ room, rendezvous: ["http://x"] }), "invalid-argument", "rendezvous\\[0\\].*ws"],
        ["no URL", () => join({ room, rendezvous: ["ws://x", "?"] }), "invalid-argument", "rendezvous\\[1\\]"],
        ["ice", () => join({ room, iceServers: {} }), "invalid-argument", "array"],
        ["an ice server", () => join({ room, iceServers: [{ urls: "http://x" }] }), "invalid-argument", "stun"],
        ["its option", () => join({ room, iceServers: [{ urls: "stun:x", pass: "" }] }), "invalid-argument", "pass"],
      ]);
    }, uniqueName());
    assertFailures(found);
  });

  test("requests refuse what they cannot honour, and say what to do", { timeout }, async () => {
    const tab = await hermit();
    const found = await tab.run(async () => {
      const { mesh } = window;
      const things = mesh.bucket("things");
      const keep = () => {};
      return window.failures([
        ["an empty bucket", () => mesh.bucket(""), "invalid-argument", "1 to 255"],
        ["256 bytes of bucket", () => mesh.bucket("x".repeat(256)), "invalid-argument", "255"],
        ["no bucket", () => mesh.bucket(), "invalid-argument", "string"],
        ["its option", () => mesh.bucket("a", { offlin: true }), "invalid-argument", "offline"],
        ["offline", () => mesh.bucket("a", { offline: true }), "invalid-argument", "not implemented yet"],
        ["offline of a kind", () => mesh.bucket("a", { offline: 1 }), "invalid-argument", "true or false"],
        ["a counter", () => mesh.bucket("a", { type: "counter" }), "invalid-argument", "not implemented yet"],
        ["a set", () => mesh.bucket("a", { type: "set" }), "invalid-argument", "not implemented yet"],
        ["a map", () => mesh.bucket("a", { type: "map" }), "invalid-argument", "not implemented yet"],
        ["last write wins", () => mesh.bucket("a", { type: "lww" }), "invalid-argument", "not implemented yet"],
        ["no type", () => mesh.bucket("a", { type: "list" }), "invalid-argument", "siblings"],
        ["merge", () => mesh.bucket("a", { merge: 1 }), "invalid-argument", "function"],
        ["no key", () => things.get(), "invalid-argument", "key must be a string"],
        ["a number", () => things.get(7), "invalid-argument", "key must be a string"],
        ["a long key", () => things.get("x".repeat(1_020)), "invalid-argument", "1024"],
        ["half a letter", () => things.put("\udc00", 1), "invalid-argument", "surrogate"],
        ["an option of get", () => things.get("a", { leve: "one" }), "invalid-argument", 'did you mean "level"'],
        ["a put's option of get", () => things.get("a", { context: "x" }), "invalid-argument", "context"],
        ["level", () => things.get("a", { level: "two" }), "invalid-argument", "1 to 7"],
        ["level 0", () => things.put("a", 1, { level: 0 }), "invalid-argument", "1 to 7"],
        ["level 8", () => things.put("a", 1, { level: 8 }), "invalid-argument", "1 to 7"],
        ["level null", () => things.put("a", 1, { level: null }), "invalid-argument", "null"],
        ["timeout 0", () => things.get("a", { timeoutMs: 0 }), "invalid-argument", "positive"],
        ["timeout for ever", () => things.get("a", { timeoutMs: Infinity }), "invalid-argument", "positive"],
        ["options of a kind", () => things.get("a", "quorum"), "invalid-argument", "object"],
        ["time to live", () => things.put("a", 1, { ttlMs: 10 }), "invalid-argument", "not implemented yet"],
        ["its deletion", () => things.delete("a", { ttlMs: 10 }), "invalid-argument", "not implemented yet"],
        ["context", () => things.put("a", 1, { context: 7 }), "invalid-argument", "context"],
        ["a made-up context", () => things.put("a", 1, { context: "zz" }), "invalid-argument", "context"],
        ["a change", () => things.update("a"), "invalid-argument", "function"],
        ["a listener", () => things.watch("a"), "invalid-argument", "function"],
        ["a prefix", () => things.keys({ prefix: 1 }), "invalid-argument", "prefix must be a string"],
        ["an event", () => mesh.on("members", keep), "invalid-argument", "member, link"],
        ["its listener", () => mesh.on("member"), "invalid-argument", "function"],
        ["peers", () => mesh.ready({ peers: -1 }), "invalid-argument", "0 to 1024"],
        ["an option of ready", () => mesh.ready({ peer: 1 }), "invalid-argument", "peers"],
        ["settled", () => mesh.settled({ timeoutMs: "1" }), "invalid-argument", "positive"],
        ["a preference", () => mesh.preferenceList("a"), "invalid-argument", "key must be a string"],
        ["a cut", () => mesh.cut("me"), "invalid-argument", "not the id of a member"],
        ["ready, in time", () => mesh.ready({ peers: 9, timeoutMs: 100 }), "timeout", "9 others within 100 ms"],
        ["too much", () => things.put("a", new Uint8Array(8_000_000)), "too-large", "."],
      ]);
    });
    assertFailures(found);
    const { keys } = await tab.keys();
    assert.deepEqual(keys, [], "and nothing of it was stored");
  });

  test("values come back as they were: bytes, every letter, -0, __proto__", { timeout }, async () => {
    const [a, b] = await pair();
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

  test("what is no value is refused with the path to it", { timeout }, async () => {
    const tab = await hermit();
    const found = await tab.run(async () => {
      const things = window.mesh.bucket("things");
      const put = (value) => () => things.put("a", value);
      const cycle = { name: "round" };
      cycle.self = cycle;
      const holed = [1, 2, 3];
      delete holed[1];
      class Point {
        x = 1;
      }
      const throwing = {
        get oops() {
          throw new TypeError("not today");
        },
      };
      return window.failures([
        ["nothing", put(undefined), "invalid-argument", "^value: undefined"],
        ["NaN", put(Number.NaN), "invalid-argument", "^value: NaN"],
        ["Infinity", put({ a: [1, Infinity] }), "invalid-argument", "^value\\.a\\[1\\]: Infinity"],
        [
          "a date",
          put({ items: [1, { when: new Date() }] }),
          "invalid-argument",
          "^value\\.items\\[1\\]\\.when: a Date",
        ],
        ["a map", put([new Map()]), "invalid-argument", "^value\\[0\\]: a Map.*Object.fromEntries"],
        ["a set", put({ "a b": new Set() }), "invalid-argument", '^value\\["a b"\\]: a Set'],
        ["a bigint", put({ id: 1n }), "invalid-argument", "^value\\.id: a bigint.*string"],
        ["a symbol", put([Symbol("x")]), "invalid-argument", "^value\\[0\\]: a symbol"],
        ["a function", put({ f() {} }), "invalid-argument", "^value\\.f: a function"],
        ["an instance", put({ p: new Point() }), "invalid-argument", "^value\\.p: a Point"],
        ["floats", put(new Float32Array(2)), "invalid-argument", "Float32Array.*Uint8Array"],
        ["a buffer", put(new ArrayBuffer(2)), "invalid-argument", "ArrayBuffer.*Uint8Array"],
        ["a hole", put(holed), "invalid-argument", "^value\\[1\\]: undefined"],
        ["half a letter", put({ a: "x\ud83d" }), "invalid-argument", "^value\\.a: text with a lone surrogate"],
        ["half a name", put({ "\ud83d": 1 }), "invalid-argument", "name has a lone surrogate"],
        [
          "a depth",
          put(Array.from({ length: 65 }).reduce((inner) => [inner], 1)),
          "invalid-argument",
          "deeper than 64",
        ],
        ["a cycle", put(cycle), "invalid-argument", "cycle"],
        ["a trap", put(throwing), "invalid-argument", "^value\\.oops: reading it threw TypeError not today"],
        ["an error", put(new Error("x")), "invalid-argument", "Error"],
      ]);
    });
    assertFailures(found);
    assert.deepEqual((await tab.keys()).keys, []);
  });

  test("all that is handed out is frozen, and members() is one array until it changes", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab();
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
    const other = await home.tab();
    await other.join(room);
    await gather(world, [tab, other]);
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

  test("a watch first tells of local state, later than it returns, then of each change", { timeout }, async () => {
    const [a, b] = await pair();
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
    await world.until("a watch tells of what another wrote", () => b.run(() => window.seen.at(-1) === "hello"));
    await a.delete("from afar");
    await world.until("and of its deletion", () => b.run(() => window.seen.at(-1) === null));
  });

  test("what a listener throws goes to reportError and disturbs nobody", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab();
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
    const other = await home.tab();
    await other.join(room);
    await gather(world, [tab, other]);
    await world.until("all of it is reported", async () => {
      const reported = await tab.run(() => window.reported.map((error) => error.message));
      return ["a watch", "a receipt", "an event"].every((where) => reported.includes(`thrown by ${where}`));
    });
    const calm = await tab.run(() => window.calm);
    for (const told of [1, "local", "up"]) assert.ok(calm.includes(told), `${told} was told: ${calm}`);
    assert.equal((await tab.put("after", 1, { level: 2 })).met, true);
  });

  test("updates of one key run one after another, and one that fails writes nothing", { timeout }, async () => {
    const tab = await hermit();
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
    const tab = await hermit();
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

  test("receipts end: complete, superseded, or closed", { timeout }, async () => {
    const tab = await hermit({ n: 1 });
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

    const other = await hermit();
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
    const [a, b] = await pair();
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
    const tab = await hermit({ n: 1 });
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

  test("close answers all who wait, and whoever asks afterwards", { timeout }, async () => {
    const [a, b] = await pair();
    // The other one is busy and answers nobody for a while.
    b.run(() => {
      setTimeout(() => {
        const until = Date.now() + 3_000;
        while (Date.now() < until);
      });
    });
    const found = await a.run(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { mesh } = window;
      const bucket = mesh.bucket("things");
      const code = (promise) =>
        promise.then(
          (value) => (value === undefined ? "done" : `met ${value.met}`),
          (error) => error.code,
        );
      const waiting = {
        get: code(bucket.get("a", { level: 2, timeoutMs: 20_000 })),
        keys: code(bucket.keys({ level: 2, timeoutMs: 20_000 })),
        ready: code(mesh.ready({ peers: 5, timeoutMs: 20_000 })),
        update: code(bucket.update("b", () => 1, { level: 2, timeoutMs: 20_000 })),
      };
      await new Promise((resolve) => setTimeout(resolve, 100));
      const began = performance.now();
      const closing = mesh.close();
      const same = mesh.close() === closing;
      await closing;
      const codes = {};
      for (const [name, promise] of Object.entries(waiting)) codes[name] = await promise;
      const ms = performance.now() - began;
      const after = await window.failures([
        ["get", () => bucket.get("a"), "closed", "join again"],
        ["put", () => bucket.put("a", 1), "closed", "join again"],
        ["delete", () => bucket.delete("a"), "closed", "join again"],
        ["update", () => bucket.update("a", () => 1), "closed", "join again"],
        ["keys", () => bucket.keys(), "closed", "join again"],
        ["watch", () => bucket.watch("a", () => {}), "closed", "join again"],
        ["ready", () => mesh.ready({ peers: 0 }), "closed", "join again"],
        ["settled", () => mesh.settled(), "closed", "join again"],
      ]);
      return { same, codes, ms, after, members: mesh.members().length, links: mesh.metrics().links };
    });
    assert.equal(found.same, true);
    assert.deepEqual(found.codes, { get: "closed", keys: "closed", ready: "closed", update: "closed" });
    assert.ok(found.ms < 2_500, `closing waits for nobody: ${Math.round(found.ms)} ms`);
    assertFailures(found.after);
  });

  test("an abort releases the identity before it settles, whenever it comes", { timeout }, async () => {
    const tab = await home.tab();
    const found = await tab.run(async (room) => {
      const { join } = await import("/roundtable/index.js");
      const first = await join({ room, rendezvous: [] });
      const { id } = first;
      await first.close();
      const outcomes = [];
      const reason = new Error("changed my mind");
      const early = await window.failure(() => join({ room, signal: AbortSignal.abort(reason) }));
      for (const afterMs of [undefined, 0, 1, 2, 4, 7, 10, 15, 20, 30, 50]) {
        const controller = new AbortController();
        const joining = join({ room, rendezvous: [], signal: controller.signal });
        if (afterMs === undefined) controller.abort(reason);
        else setTimeout(() => controller.abort(reason), afterMs);
        try {
          const mesh = await joining;
          outcomes.push(mesh.id === id ? "joined" : "another");
          await new Promise((resolve) => setTimeout(resolve, 60));
          await mesh.bucket("a").put("aborting afterwards", "is nothing", { level: "local" });
          await mesh.close();
        } catch (error) {
          outcomes.push(`${error.code} ${error.cause === reason}`);
        }
      }
      const last = await join({ room, rendezvous: [] });
      return { id, early, outcomes, last: last.id };
    }, uniqueName());
    assert.equal(found.early.code, "aborted");
    assert.equal(found.outcomes[0], "aborted true");
    assert.ok(
      found.outcomes.every((outcome) => outcome === "aborted true" || outcome === "joined"),
      `${found.outcomes}`,
    );
    assert.equal(found.last, found.id, "the same identity is to be had again");
  });

  test("a node in memory leaves nothing behind", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab();
    const id = await tab.join(room, { storage: "memory", n: 1 });
    assert.equal((await tab.put("a", 1, { level: "all" })).met, true);
    await tab.close();
    assert.notEqual(await tab.join(room, { storage: "memory", n: 1 }), id);
    assert.equal((await tab.get("a")).found, false);
  });

  test("a disk that is full says quota, and what was stored before is still there", { timeout }, async () => {
    // A browser of its own: Chromium asks for the quota at first use and then not again for half a minute.
    const small = await world.profile("small");
    await small.context.addInitScript(helpers);
    const tab = await small.tab();
    const session = await small.context.newCDPSession(tab.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: world.origin, quotaSize: 3_000_000 });
    try {
      await tab.join(uniqueName(), { rendezvous: [] });
      await tab.put("before", 1, { level: "local" });
      const full = await tab.run(async () => {
        window.storage = [];
        window.mesh.on("storage", ({ problem }) => window.storage.push(problem));
        for (let i = 0; i < 40; i++) {
          const bytes = new Uint8Array(200_000).map(() => Math.random() * 256);
          const failed = await window.failure(() => window.mesh.bucket("things").put(`big ${i}`, bytes));
          if (failed.code !== "nothing was thrown") return { ...failed, storage: window.storage };
        }
        return { code: "never full" };
      });
      assert.equal(full.code, "quota", JSON.stringify(full));
      assert.equal(full.ours, true);
      await world.until("the event says so as well", () => tab.run(() => window.storage.includes("quota")));
      assert.equal((await tab.get("before", { level: "local" })).value, 1);
    } finally {
      await small.stop();
    }
  });

  test("where there is no window, importing is harmless and joining is an error with a code", { timeout }, async () => {
    const imported = await import(pathToFileURL(joinPath(packageFolder, "index.js")).href);
    assert.deepEqual(Object.keys(imported).sort(), ["RoundtableError", "join"]);
    const joining = imported.join({ room: "kitchen" });
    await assert.rejects(within(5_000, "join settles", joining), (error) => {
      assert.ok(error instanceof imported.RoundtableError);
      assert.equal(error.name, "RoundtableError");
      assert.equal(error.code, "unsupported");
      assert.match(error.message, /window/);
      return true;
    });
    await assert.rejects(imported.join({}), { code: "invalid-argument" });
  });
});
