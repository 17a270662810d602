// The package's contract, asked in a real page: what is refused and how, and how a node begins and ends.
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { packageFolder, uniqueName, within } from "./harness.mjs";
import { assertFailures, openStage } from "./stage.mjs";

const timeout = 60_000;

describe("the package", { timeout: 240_000 }, () => {
  const stage = openStage();

  test("join refuses what it cannot honour, and says what to do", { timeout }, async () => {
    const tab = await stage.home.tab();
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
        ["an empty secret", () => join({ room, secret: "" }), "invalid-argument", "leave it out"],
        ["a secret of no bytes", () => join({ room, secret: new Uint8Array() }), "invalid-argument", "leave it out"],
        ["a long secret", () => join({ room, secret: "x".repeat(1025) }), "invalid-argument", "1 to 1024.*1025"],
        ["a secret number", () => join({ room, secret: 1234 }), "invalid-argument", "string or a Uint8Array"],
        ["half a secret letter", () => join({ room, secret: "\ud800" }), "invalid-argument", "surrogate"],
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
    const tab = await stage.hermit();
    const found = await tab.run(async () => {
      const { mesh } = window;
      const things = mesh.bucket("things");
      const keep = () => {};
      return window.failures([
        ["an empty bucket", () => mesh.bucket(""), "invalid-argument", "1 to 255"],
        ["256 bytes of bucket", () => mesh.bucket("x".repeat(256)), "invalid-argument", "255"],
        ["no bucket", () => mesh.bucket(), "invalid-argument", "string"],
        ["its option", () => mesh.bucket("a", { offlin: true }), "invalid-argument", "offline"],
        ["offline of a kind", () => mesh.bucket("a", { offline: 1 }), "invalid-argument", "true or false"],
        ["a set merged", () => mesh.bucket("a", { type: "set", merge: keep }), "invalid-argument", "one value"],
        ["another type", () => mesh.bucket("things", { type: "set" }), "invalid-argument", "already open"],
        ["by what", () => mesh.bucket("n", { type: "counter" }).add("a", "1"), "invalid-argument", "finite number"],
        ["by NaN", () => mesh.bucket("n", { type: "counter" }).add("a", Number.NaN), "invalid-argument", "finite"],
        ["a sum", () => mesh.bucket("n", { type: "counter" }).add("a", 1, { ttlMs: 0 }), "invalid-argument", "ttlMs"],
        ["an item", () => mesh.bucket("s", { type: "set" }).add("a", new Date()), "invalid-argument", "Date"],
        ["a ttl", () => mesh.bucket("s", { type: "set" }).remove("a", 1, { ttlMs: 1 }), "invalid-argument", "ttlMs"],
        ["no field", () => mesh.bucket("m", { type: "map" }).set("a"), "invalid-argument", "field must be a string"],
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
        ["no time to live", () => things.put("a", 1, { ttlMs: 0 }), "invalid-argument", "positive"],
        ["11 years to live", () => things.put("a", 1, { ttlMs: 11 * 3.2e10 }), "invalid-argument", "ten years"],
        ["for ever", () => things.put("a", 1, { ttlMs: Infinity }), "invalid-argument", "ten years"],
        ["its deletion", () => things.delete("a", { ttlMs: 10 }), "invalid-argument", "delete has none"],
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

  test("what is no value is refused with the path to it", { timeout }, async () => {
    const tab = await stage.hermit();
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

  test("close answers all who wait, and whoever asks afterwards", { timeout }, async () => {
    const [a, b] = await stage.pair();
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
      // The disk has something to do yet, so that the links are gone before the node is closed.
      const put = bucket.put("c", 1, { level: "local" });
      const closing = mesh.close();
      const same = mesh.close() === closing;
      await closing;
      const codes = {};
      for (const [name, promise] of Object.entries(waiting)) codes[name] = await promise;
      codes.put = await code(put.then(() => undefined));
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
    const closed = { get: "closed", keys: "closed", ready: "closed", update: "closed" };
    assert.deepEqual(found.codes, { ...closed, put: "done" }, "and what was on its way to the disk is there");
    assert.ok(found.ms < 2_500, `closing waits for nobody: ${Math.round(found.ms)} ms`);
    assertFailures(found.after);
  });

  test("an abort releases the identity before it settles, whenever it comes", { timeout }, async () => {
    const tab = await stage.home.tab();
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
    const tab = await stage.home.tab();
    const id = await tab.join(room, { storage: "memory", n: 1 });
    assert.equal((await tab.put("a", 1, { level: "all" })).met, true);
    await tab.close();
    assert.notEqual(await tab.join(room, { storage: "memory", n: 1 }), id);
    assert.equal((await tab.get("a")).found, false);
  });

  test("a disk that is full says quota, and what was stored before is still there", { timeout }, async () => {
    // A browser of its own: Chromium asks for the quota at first use and then not again for half a minute.
    const small = await stage.profile("small");
    const tab = await small.tab();
    const session = await small.context.newCDPSession(tab.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: stage.world.origin, quotaSize: 3_000_000 });
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
      await stage.world.until("the event says so as well", () => tab.run(() => window.storage.includes("quota")));
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
