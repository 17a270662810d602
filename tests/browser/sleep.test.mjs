// Tabs as people keep them: in the background, frozen, killed, closed; with Chromium's real throttling.
//
// One browser, one window, without any of the switches that keep a tab awake: the tab in front is visible, all others
// are hidden and their timers run once a second. What must hold: who is in the background stays a member and accuses
// nobody; who is frozen is not taken for dead, and comes back with its data; who is gone is known to be.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { uniqueName } from "./harness.mjs";
import { openPlain } from "./stage.mjs";

const timeout = 120_000;

describe("a tab that sleeps", { timeout: 420_000 }, () => {
  const plain = openPlain();

  /** A tab that is a node; it is in front until the next is opened. It writes down what it is told of members. */
  async function node(room) {
    const tab = await plain.browser.tab(new URL("/blank", plain.world.origin).href);
    await plain.world.until("the page is there", () => tab.run(() => document.title === "blank"));
    tab.id = await tab.run(join, room);
    return tab;
  }

  async function join(room) {
    const { join } = await import("/roundtable/index.js");
    window.mesh = await join({ room });
    window.heard = [];
    window.mesh.on("member", ({ member, previous }) => {
      window.heard.push({ id: member.id, is: member.status, was: previous, at: Date.now() });
    });
    return window.mesh.id;
  }

  const statuses = (tab) =>
    tab.run(() => Object.fromEntries(window.mesh.members().map(({ id, status }) => [id, status])));
  const heard = (tab) => tab.run(() => window.heard.filter(({ is, was }) => is !== was));
  const put = (tab, key, value) =>
    tab.run(([key, value]) => window.mesh.bucket("things").put(key, value), [key, value]);
  const local = (tab, key) =>
    tab.run(async (key) => (await window.mesh.bucket("things").get(key, { level: "local" })).value ?? null, key);

  async function allUp(tabs) {
    await plain.world.until(
      "all agree that all are up",
      async () => {
        const views = await Promise.all(tabs.map(statuses));
        return views.every((view) => tabs.every(({ id }) => view[id] === "up"));
      },
      { timeoutMs: 30_000 },
    );
  }

  /** So many nodes, the last of them in front. */
  async function room(count) {
    const name = uniqueName();
    const tabs = [];
    for (let i = 0; i < count; i++) tabs.push(await node(name));
    await allUp(tabs);
    return { name, tabs };
  }

  /** How often a timer of 20 ms fires in two seconds. */
  const ticks = (tab) =>
    tab.run(async () => {
      let count = 0;
      const timer = setInterval(() => count++, 20);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      clearInterval(timer);
      return count;
    });

  test("in the background for a while stays a member, and nobody is thought dormant", { timeout }, async () => {
    const { tabs } = await room(4);
    const front = tabs[3];
    assert.deepEqual(await Promise.all(tabs.map((tab) => tab.run(() => document.visibilityState))), [
      "hidden",
      "hidden",
      "hidden",
      "visible",
    ]);
    const slow = await ticks(tabs[0]);
    assert.ok(slow <= 10, `the throttling is real: ${slow} ticks`);
    for (const tab of tabs) await tab.run(() => window.heard.splice(0));
    for (let turn = 0; turn < 8; turn++) {
      const receipt = await put(front, `turn ${turn}`, turn);
      assert.equal(receipt.met, true, `a quorum of tabs in the background answers: ${JSON.stringify(receipt)}`);
      await sleep(3_000);
    }
    for (const tab of tabs) {
      const told = await heard(tab);
      const dormant = told.filter(({ is }) => is === "dormant" || is === "departed");
      assert.deepEqual(dormant, [], "nobody who is alive is made dormant");
    }
    await allUp(tabs);
  });

  test("frozen is excused, not taken for dead, and comes back with its data", { timeout }, async () => {
    const { tabs } = await room(3);
    const [a, b, front] = tabs;
    assert.equal((await put(a, "before", 1)).met, true);
    for (const tab of [b, front]) await tab.run(() => window.heard.splice(0));
    await a.life("frozen");
    await plain.world.until(
      "the others know that it does not answer now",
      async () => (await statuses(b))[a.id] === "suspect" && (await statuses(front))[a.id] === "suspect",
      { timeoutMs: 10_000 },
    );
    assert.equal((await put(front, "meanwhile", 2)).met, true);
    await sleep(25_000);
    for (const tab of [b, front]) {
      const told = await heard(tab);
      assert.ok(!told.some(({ is }) => is === "dormant"), `it said that it would sleep: ${JSON.stringify(told)}`);
      assert.deepEqual(
        told.filter(({ id }) => id !== a.id && id !== tab.id),
        [],
        "and nobody else is accused",
      );
      await tab.run(() => window.heard.splice(0));
    }
    await a.life("active");
    await allUp(tabs);
    assert.equal(await local(a, "before"), 1);
    await plain.world.until("it has what was written meanwhile", async () => (await local(a, "meanwhile")) === 2);
    // A gap in one's own ticks is one's own: who wakes up holds nothing against the others.
    const accused = (await heard(a)).filter(({ id, is }) => id !== a.id && (is === "suspect" || is === "dormant"));
    assert.deepEqual(accused, []);
  });

  test("closed is known to all within moments, though they are hidden", { timeout }, async () => {
    const { tabs } = await room(3);
    const [a, b, c] = tabs;
    for (const tab of [a, b]) await tab.run(() => window.heard.splice(0));
    const begun = Date.now();
    await c.close();
    for (const tab of [a, b]) {
      await plain.world.until("the close is known", async () => (await statuses(tab))[c.id] === "suspect", {
        everyMs: 20,
      });
    }
    const known = Date.now() - begun;
    assert.ok(known < 3_000, `${known} ms`);
  });

  test("discarded or crashed is suspected, and its next life has its name and its data", { timeout }, async () => {
    const { name, tabs } = await room(3);
    const [a, b, front] = tabs;
    assert.equal((await put(a, "kept", "by a")).met, true);
    const begun = Date.now();
    a.send("Page.crash").catch(() => {}); // never answers
    for (const tab of [b, front]) {
      await plain.world.until("the crash is known", async () => (await statuses(tab))[a.id] === "suspect");
    }
    console.log(`a crash was known to two others, one of them hidden, within ${Date.now() - begun} ms`);
    const again = await node(name);
    assert.equal(again.id, a.id, "the slot is free, and it is the node that it was");
    assert.equal(await local(again, "kept"), "by a");
    await allUp([b, front, again]);
  });
});
