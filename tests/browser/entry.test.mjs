// Who may come in, and by which door: a room's secret in real tabs of two browsers, and several rendezvous of which any
// one serves.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { gather, Rendezvous, uniqueName, World } from "./harness.mjs";

const timeout = 120_000;

describe("coming in", { timeout: 300_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function table(room, profiles, options) {
    const tabs = [];
    for (const profile of profiles) tabs.push(await profile.tab());
    await Promise.all(tabs.map((tab) => tab.join(room, options)));
    return tabs;
  }

  test("who knows the secret is let in, and who knows another or none is not", { timeout }, async () => {
    const room = uniqueName();
    const secret = "00112233445566778899aabbccddeeff";
    const tabs = await table(room, [left, left, right], { secret });
    const wrong = await table(room, [left, right], { secret: `f${secret.slice(1)}` });
    const open = await table(room, [left, right]);
    for (const group of [tabs, wrong, open]) await gather(world, group);
    const receipt = await tabs[0].put("ours", "among us", { level: 3 });
    assert.equal(receipt.met, true);
    assert.equal((await tabs[2].get("ours")).value, "among us");
    for (const tab of [...wrong, ...open]) {
      assert.equal((await tab.members()).length, 2, `${tab.name} knows its own kind alone`);
      assert.equal((await tab.get("ours", { level: "local" })).found, false);
    }
  });

  // With a rendezvous, whoever of the two is heard first introduces: only without one is it the channel for certain.
  test("the secret decides on the broadcast channel too, and that serves with no rendezvous", { timeout }, async () => {
    const room = uniqueName();
    const rendezvous = [];
    const secret = "00112233445566778899aabbccddeeff";
    const tabs = await table(room, [left, left], { secret, rendezvous });
    const others = await table(room, [left, left], { secret: `f${secret.slice(1)}`, rendezvous });
    const open = await table(room, [left, left], { rendezvous });
    for (const group of [tabs, others, open]) await gather(world, group);
    for (const tab of [...tabs, ...others, ...open]) {
      const ways = await tab.run(() => window.links.map(({ via }) => via));
      assert.deepEqual([...new Set(ways)], ["broadcast"], tab.name);
      assert.equal((await tab.members()).length, 2, `${tab.name} knows its own kind alone`);
    }
  });

  test("a secret that a person types serves in every browser", { timeout }, async () => {
    const room = uniqueName();
    const composed = "caf\u00e9 au lait";
    const tabs = [await left.tab(), await right.tab(), await right.tab("guessing")];
    await tabs[0].join(room, { secret: composed });
    await tabs[1].join(room, { secret: composed.normalize("NFD") });
    await tabs[2].join(room, { secret: "cafe au lait" });
    await gather(world, tabs.slice(0, 2));
    assert.equal((await tabs[2].members()).length, 1);
  });

  test("of several rendezvous any one serves, and one may die", { timeout }, async () => {
    world.expectErrors(/WebSocket connection to '.*' failed/);
    const [first, second] = await Promise.all([1, 2].map(() => Rendezvous.start({ site: world.site })));
    try {
      // Nobody listens on port 9 here.
      const rendezvous = ["ws://127.0.0.1:9/rendezvous", first.socketUrl, second.socketUrl];
      const room = uniqueName();
      const tabs = await table(room, [left, right], { rendezvous });
      await gather(world, tabs);
      assert.equal(await tabs[0].run(() => window.links.at(-1).via), "rendezvous");
      await first.kill();
      await world.until("both have seen that it is gone", async () => {
        const seen = await Promise.all(tabs.map((tab) => tab.run(() => window.rendezvous)));
        return seen.every((list) => list.filter((connected) => connected === false).length === 1);
      });
      assert.equal((await tabs[0].put("after", 1, { level: 2 })).met, true, "links stay");
      const late = await table(uniqueName(), [left, right], { rendezvous });
      await gather(world, late);
      assert.equal(await late[0].run(() => window.links.at(-1).via), "rendezvous", "the one that is left serves");
    } finally {
      await Promise.all([first.kill(), second.kill()]);
    }
  });
});
