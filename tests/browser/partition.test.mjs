// Whole sides cut off from each other, and a tab that dies without a word: nobody stops, and afterwards all agree.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName, within } from "./harness.mjs";
import { openTwo } from "./stage.mjs";

const timeout = 120_000;

describe("five tabs of two browsers", { timeout: 240_000 }, () => {
  const two = openTwo();

  async function table() {
    const room = uniqueName();
    const tabs = [];
    for (const profile of [two.left, two.left, two.left, two.right, two.right]) tabs.push(await profile.tab());
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(two.world, tabs);
    return { room, tabs };
  }

  /** What each tab reads of these keys, once all read the same. */
  async function agreed(tabs, keys) {
    const read = (tab) =>
      tab.run(async (keys) => {
        const bucket = window.mesh.bucket("things");
        const reads = await Promise.all(keys.map((key) => bucket.get(key)));
        return reads.map(({ met, siblings }) => ({ met, siblings }));
      }, keys);
    let views;
    await two.world.until(
      "all read the same",
      async () => {
        views = await Promise.all(tabs.map(read));
        return views.every((view) => JSON.stringify(view) === JSON.stringify(views[0])) && views[0].every((r) => r.met);
      },
      { timeoutMs: 30_000 },
    );
    return views[0].map(({ siblings }) => siblings);
  }

  test("cut into three and two, both sides go on writing; healed, all have all", { timeout }, async () => {
    const { tabs } = await table();
    const sides = [tabs.slice(0, 3), tabs.slice(3)];
    await tabs[0].put("both", "before", { level: "all" });
    await Promise.all(tabs.map((tab) => tab.get("both")));
    const across = (act) =>
      Promise.all(sides.flatMap((side, i) => side.flatMap((tab) => sides[1 - i].map((other) => act(tab, other.id)))));
    await across((tab, id) => tab.cut(id));
    const keys = [];
    const expected = [];
    for (const [place, tab] of tabs.entries()) {
      for (let i = 0; i < 6; i++) {
        const receipt = await tab.put(`${place} ${i}`, [place, i], { level: "local" });
        assert.equal(receipt.met, true);
        keys.push(`${place} ${i}`);
        expected.push([[place, i]]);
      }
    }
    await tabs[0].put("both", "left", { level: "local" });
    await tabs[4].put("both", "right", { level: "local" });
    const onTheLeft = await tabs[1].get("0 0", { timeoutMs: 2_000 });
    assert.deepEqual(onTheLeft.value, [0, 0], "a side reads what it has written");
    await across((tab, id) => tab.uncut(id));
    await gather(two.world, tabs, 30_000);
    assert.deepEqual(await agreed(tabs, keys), expected);
    const [both] = await agreed(tabs, ["both"]);
    assert.deepEqual([...both].sort(), ["left", "right"], "what was written on both sides is shown to all");
    await two.world.until("no hint is left anywhere", async () =>
      (await Promise.all(tabs.map((tab) => tab.metrics()))).every((metrics) => metrics.hints === 0),
    );
  });

  test("one that crashes is suspected, stood in for, and has all when it is back", { timeout }, async () => {
    const { room, tabs } = await table();
    const victim = tabs[1];
    const others = tabs.filter((tab) => tab !== victim);
    for (let i = 0; i < 10; i++) await tabs[0].put(`before ${i}`, i, { level: "all" });
    for (const tab of others) {
      await tab.run(() => {
        window.hinted = [];
        window.mesh.on("protocol", ({ kind, owner }) => {
          if (kind.startsWith("hint-")) window.hinted.push(`${kind} ${owner}`);
        });
      });
    }
    const hints = async () => (await Promise.all(others.map((tab) => tab.metrics()))).map((metrics) => metrics.hints);
    const hinted = async () => (await Promise.all(others.map((tab) => tab.run(() => window.hinted)))).flat();
    two.world.expectErrors(/the page crashed/);
    const session = await two.left.context.newCDPSession(victim.page);
    const crashed = new Promise((resolve) => victim.page.once("crash", resolve));
    session.send("Page.crash").catch(() => {});
    await within(10_000, "the tab crashes", crashed);
    two.left.tabs = two.left.tabs.filter((tab) => tab !== victim);

    // At once, before anybody has noticed: a quorum of the living answers.
    for (const [i, tab] of others.entries()) {
      assert.equal((await tab.put(`unnoticed ${i}`, i)).met, true, "a write needs only a quorum");
      assert.equal((await tab.get(`before ${i}`)).met, true, "and so does a read");
    }
    await two.world.until(
      "the others suspect it",
      async () => {
        const views = await Promise.all(others.map((tab) => tab.members()));
        return views.every((view) => view.find((member) => member.id === victim.id)?.status !== "up");
      },
      { timeoutMs: 30_000 },
    );
    const receipts = await others[0].run(async () => {
      const bucket = window.mesh.bucket("things");
      return Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const { met, owners, fallbacks } = await bucket.put(`noticed ${i}`, i, { level: "all" });
          return { met, owners, fallbacks, listed: window.mesh.preferenceList("things", `noticed ${i}`).owners };
        }),
      );
    });
    assert.ok(receipts.every(({ met }) => met));
    const stoodIn = receipts.filter(({ listed }) => listed.includes(victim.id));
    for (const { owners, fallbacks } of stoodIn) {
      assert.deepEqual([owners.length, fallbacks.length], [2, 1], "somebody stands in for the one that is suspect");
    }
    assert.ok(stoodIn.length > 0 && (await hints()).some((count) => count > 0), "metrics() shows the hints");
    assert.ok((await hinted()).includes(`hint-stored ${victim.id}`), "and so do the events");

    const back = await two.left.tab("back");
    assert.equal(await back.join(room), victim.id, "the next tab of that browser is the node that was");
    await gather(two.world, [...others, back], 30_000);
    const missing = await back.run(async (victim) => {
      const bucket = window.mesh.bucket("things");
      const keys = [
        ...Array.from({ length: 10 }, (_, i) => `before ${i}`),
        ...Array.from({ length: 4 }, (_, i) => `unnoticed ${i}`),
        ...Array.from({ length: 40 }, (_, i) => `noticed ${i}`),
      ];
      const own = keys.filter((key) => window.mesh.preferenceList("things", key).owners.includes(victim));
      const reads = await Promise.all(own.map((key) => bucket.get(key, { level: "local" })));
      return own.filter((_, i) => !reads[i].found);
    }, victim.id);
    assert.deepEqual(missing, [], "all that it owns has been brought to it");
    assert.ok((await hinted()).includes(`hint-delivered ${victim.id}`), "which is told");
    await two.world.until("no hint is left", async () => (await hints()).every((count) => count === 0));
  });
});
