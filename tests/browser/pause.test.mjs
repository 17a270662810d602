// What panels see and classrooms do, in real tabs: a node held still, vitals by gossip, what lies here of a key.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { assertFailures, openStage } from "./stage.mjs";

const timeout = 90_000;

describe("for panels and classrooms", { timeout: 240_000 }, () => {
  const stage = openStage();

  async function three() {
    const room = uniqueName();
    const tabs = [await stage.home.tab("a"), await stage.home.tab("b"), await stage.home.tab("c")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(stage.world, tabs);
    return tabs;
  }
  const statusOf = (tab, id) => tab.run((id) => window.mesh.members().find((member) => member.id === id)?.status, id);

  test("a node held still is silent, not gone, and goes on with all that it missed", { timeout }, async () => {
    const [a, b, c] = await three();
    const paused = await b.run(() => {
      window.mesh.pause();
      window.answered = [];
      window.mesh
        .bucket("things")
        .put("mine", 1, { level: "local" })
        .then(() => window.answered.push("mine"));
      return window.mesh.isPaused();
    });
    assert.equal(paused, true);
    await stage.world.until("the others find it silent", async () =>
      ["suspect", "dormant"].includes(await statusOf(a, b.id)),
    );
    const { links } = await a.metrics();
    assert.equal(links, 2, "the link is still open");
    assert.equal((await a.put("theirs", 2, { level: "quorum" })).met, true, "the others write on");
    assert.deepEqual(await b.run(() => window.answered), [], "what was asked of it waits");
    assert.equal(await b.run(() => window.mesh.held("things", "theirs").versions.length), 0);
    await b.run(() => window.mesh.resume());
    assert.equal(await b.run(() => window.mesh.isPaused()), false);
    await stage.world.until("what was asked of it is answered", () => b.run(() => window.answered.length === 1));
    for (const tab of [a, c]) {
      await stage.world.until(`${tab.name} finds it up`, async () => (await statusOf(tab, b.id)) === "up");
    }
    await stage.world.until("what it missed has arrived", () =>
      b.run(() => window.mesh.held("things", "theirs").versions[0]?.value === 2),
    );
  });

  test("a node that is held still can be closed, and says goodbye", { timeout }, async () => {
    const [a, b] = await three();
    await b.run(() => {
      window.mesh.pause();
      return window.mesh.close();
    });
    await stage.world.until("the link is gone", async () => (await a.metrics()).links === 1);
  });

  test("each knows how all others are, by their own word", { timeout }, async () => {
    const tabs = await three();
    for (let i = 0; i < 5; i++) await tabs[0].put(`key ${i}`, i, { level: "all" });
    const kinds = ["gossip", "repair", "transfer", "request", "signal"];
    for (const tab of tabs) {
      await stage.world.until(`${tab.name} has heard that all hold five keys`, async () => {
        const vitals = await tab.run(() => window.mesh.vitals());
        return vitals.length === 3 && vitals.every(({ keys }) => keys === 5);
      });
      const vitals = await tab.run(() => window.mesh.vitals());
      assert.equal(vitals[0].id, tab.id, "self first");
      assert.equal(vitals[0].ageMs, 0);
      assert.deepEqual(new Set(vitals.map(({ id }) => id)), new Set(tabs.map(({ id }) => id)));
      for (const one of vitals) {
        assert.deepEqual(Object.keys(one.sentPerSecond), kinds);
        assert.equal(one.links, 2);
        assert.ok(one.ageMs < 15_000 && one.lagMs >= 0 && one.bytes > 0, JSON.stringify(one));
      }
    }
  });

  test("of a key one sees its versions, their dots, the clock, and for whom a hint is kept", { timeout }, async () => {
    const [a, b, c] = await three();
    await a.put("shared", "first", { level: "all" });
    const held = await a.run(() => window.mesh.held("things", "shared"));
    assert.deepEqual(
      held.versions.map(({ node, value }) => [node, value]),
      [[a.id, "first"]],
    );
    assert.deepEqual(held.clock, [{ node: a.id, counter: held.versions[0].counter }]);
    assert.deepEqual(held.heldFor, []);
    await a.run(async () => {
      const bucket = window.mesh.bucket("things");
      const { context } = await bucket.get("shared");
      await Promise.all(["left", "right"].map((value) => bucket.put("shared", value, { context, level: "local" })));
    });
    const siblings = await a.run(() => window.mesh.held("things", "shared").versions.map(({ value }) => value));
    assert.deepEqual(siblings.sort(), ["left", "right"]);
    await Promise.all([b, c].map((tab) => tab.run(() => window.mesh.pause())));
    await a.put("hinted", 1, { level: "local" });
    await stage.world.until("a hint is kept for both", async () => {
      const { heldFor } = await a.run(() => window.mesh.held("things", "hinted"));
      return heldFor.length === 2 && heldFor.every((id) => [b.id, c.id].includes(id));
    });
    assert.deepEqual(await a.run(() => window.mesh.held("things", "never")), { versions: [], clock: [], heldFor: [] });
    const found = await a.run(() =>
      window.failures([
        ["no key", () => window.mesh.held("things"), "invalid-argument", "key"],
        ["no name", () => window.mesh.held("", "x"), "invalid-argument", "bucket"],
      ]),
    );
    assertFailures(found);
  });
});
