// Firefox and Chromium in one mesh: what one kind of browser can do with itself, the two can do with each other.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { FirefoxProfile, firefox } from "./firefox.mjs";
import { gather, uniqueName, World } from "./harness.mjs";

const timeout = 120_000;
const skip = firefox === undefined && "there is no Firefox here: install firefox-esr, or name one in FIREFOX";

describe("Firefox and Chromium", { timeout: 300_000, skip }, () => {
  let world, red, blue;

  before(async () => {
    world = await World.open();
    [blue, red] = await Promise.all([world.profile("chromium"), FirefoxProfile.open(world)]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function table() {
    const room = uniqueName();
    const tabs = [await blue.tab(), await red.tab(), await blue.tab(), await red.tab()];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs, 40_000);
    return { room, tabs };
  }

  test("four tabs link with each other and own the ring together", { timeout }, async () => {
    const { tabs } = await table();
    const views = await Promise.all(tabs.map((tab) => tab.members()));
    for (const view of views) {
      assert.ok(view.every((member) => member.self || member.linked));
      assert.ok(Math.abs(view.reduce((sum, { owns }) => sum + owns, 0) - 1) < 1e-6);
    }
    const shares = views.map((view) => view.map(({ id, owns }) => [id, owns]).sort());
    for (const share of shares) assert.deepEqual(share, shares[0], "all compute the same ring");
    assert.equal(new Set(views[0].map(({ device }) => device)).size, 2);
  });

  test("what one writes at all levels the others read, and a watcher sees it", { timeout }, async () => {
    const { tabs } = await table();
    for (const tab of tabs) {
      await tab.run(() => {
        window.seen = [];
        window.mesh.bucket("things").watch("news", (read) => window.seen.push(read.value));
      });
    }
    for (const [at, tab] of tabs.entries()) {
      const receipt = await tab.put(`of ${at}`, { at, bytes: "é€😀" }, { level: "all" });
      assert.equal(receipt.met, true, JSON.stringify(receipt));
      assert.ok(receipt.devices >= 2, "both browsers hold it");
    }
    for (const tab of tabs) {
      for (const at of tabs.keys()) {
        const read = await tab.get(`of ${at}`, { level: "quorum" });
        assert.deepEqual([read.met, read.value], [true, { at, bytes: "é€😀" }]);
      }
    }
    for (const [at, tab] of [tabs[0], tabs[1]].entries()) {
      await tab.put("news", at);
      await world.until(`all watchers see ${at}`, async () => {
        const seen = await Promise.all(tabs.map((watcher) => watcher.run(() => window.seen.at(-1))));
        return seen.every((value) => value === at);
      });
    }
  });

  test("a large value crosses between the browsers in both directions", { timeout }, async () => {
    const { tabs } = await table();
    for (const [from, to] of [
      [tabs[0], tabs[1]],
      [tabs[1], tabs[0]],
    ]) {
      const text = `${from.name} ${"x".repeat(50_000)}`;
      await from.put("large", text, { level: "all" });
      assert.equal((await to.get("large", { level: "all" })).value, text);
    }
  });

  test("a tab that closes is missed at once, and what it wrote stays", { timeout }, async () => {
    // A table each: where two of four have closed, a key may have but one owner left, and no quorum.
    for (const [left, here] of [
      [3, 0],
      [2, 1],
    ]) {
      const { tabs } = await table();
      const [leaver, witness] = [tabs[left], tabs[here]];
      await leaver.put("last words", "goodbye", { level: "quorum" });
      await leaver.close();
      const status = async () => (await witness.members()).find(({ id }) => id === leaver.id)?.status;
      await world.until(`${witness.name} misses ${leaver.name}`, async () => (await status()) === "suspect", {
        timeoutMs: 5_000,
      });
      const read = await witness.get("last words", { level: "quorum" });
      assert.deepEqual([read.met, read.value], [true, "goodbye"]);
    }
  });

  test("a reloaded tab of Firefox is who it was, with what it had, and finds the others again", {
    timeout,
  }, async () => {
    const { room, tabs } = await table();
    const [, tab] = tabs;
    await tab.put("mine", 1, { level: "all" });
    const before = tab.id;
    await tab.page.reload();
    await tab.join(room);
    assert.equal(tab.id, before);
    assert.equal((await tab.get("mine", { level: "local" })).value, 1);
    await gather(world, tabs, 40_000);
  });

  test("a tab of Firefox that is left for another page is missed at once, and is who it was when it is back", {
    timeout,
  }, async () => {
    const { room, tabs } = await table();
    const [witness, tab] = tabs;
    const { id } = tab;
    await tab.put("mine", 1, { level: "all" });
    await tab.page.goto(new URL("/blank?away", world.origin).href);
    const status = async () => (await witness.members()).find((member) => member.id === id)?.status;
    await world.until("it is missed", async () => (await status()) === "suspect", { timeoutMs: 5_000 });
    await tab.page.back();
    await world.until("the page is back", () =>
      tab.run(() => location.search === "" && document.readyState === "complete"),
    );
    // Firefox keeps no page that has had a connection: it is loaded anew.
    assert.equal(await tab.run(() => window.mesh === undefined), true);
    await tab.join(room);
    assert.equal(tab.id, id);
    assert.equal((await tab.get("mine", { level: "local" })).value, 1);
    await gather(world, tabs, 40_000);
  });

  test("once the rendezvous is dead a new tab of either browser still links with all", { timeout }, async () => {
    const { room, tabs } = await table();
    const late = [await blue.tab(), await red.tab()];
    // They have the page and the package: from then on nothing is fetched.
    for (const tab of late) {
      await tab.join(uniqueName(), { rendezvous: [] });
      await tab.close();
    }
    world.expectErrors(/WebSocket|establish a connection/);
    await world.rendezvous.kill();
    await Promise.all(late.map((tab) => tab.join(room)));
    await gather(world, [...tabs, ...late], 60_000);
    const receipt = await late[1].put("late", "but here", { level: "all" });
    assert.equal(receipt.met, true);
    assert.equal((await late[0].get("late")).value, "but here");
  });
});

describe("a private window of Firefox", { timeout: 200_000, skip }, () => {
  let world, red;

  before(async () => {
    world = await World.open();
    red = await FirefoxProfile.open(world, "private", { "browser.privatebrowsing.autostart": true });
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  test("keeps a node and its data over a reload, and nothing once it is closed", { timeout }, async () => {
    const room = uniqueName();
    const tab = await red.tab();
    const id = await tab.join(room);
    assert.equal((await tab.put("secret", 1, { level: "local" })).met, true);
    await tab.page.reload();
    assert.equal(await tab.join(room), id, "its disk is there, and is the same");
    assert.equal((await tab.get("secret", { level: "local" })).value, 1);
    await red.stop();
    await red.start();
    const later = await red.tab();
    assert.notEqual(await later.join(room), id, "what a private window kept ends with it, the name too");
    assert.deepEqual((await later.keys({ level: "local" })).keys, []);
  });
});
