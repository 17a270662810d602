// A tab that is left for another page, and come back to; a tab that the browser throws out of memory, and loads again.
//
// Chromium keeps a page that is left as it was in its back/forward cache, unless it learns too late that the page has
// closed its connections, and drops it when somebody wants one of its locks. So its node either goes on where it was, in
// the same page, or is a new life of the same slot; and never are there two of one name. Playwright's browsers have that
// cache switched off: this one has not.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { uniqueName } from "./harness.mjs";
import { openPlain } from "./stage.mjs";

const timeout = 90_000;
/** The browser keeps about every second page: so often it is given the chance to keep two. */
const tripsMax = 24;

describe("a tab that is come back to", { timeout: 300_000 }, () => {
  const plain = openPlain();

  const page = (name) => new URL(`/blank?${name}`, plain.world.origin).href;
  /** Until the tab shows this page. */
  const shows = (tab, name) =>
    plain.world.until(`the tab shows ${name}`, () =>
      tab.run((name) => location.search === `?${name}` && document.readyState === "complete", name),
    );

  async function open(name) {
    const tab = await plain.browser.tab(page(name));
    await shows(tab, name);
    return tab;
  }

  /** Becomes a node, and writes down what happens to its page and what it is told. */
  async function join(tab, room) {
    tab.id = await tab.run(async (room) => {
      window.life = [];
      for (const name of ["pagehide", "pageshow"]) {
        window.addEventListener(name, ({ persisted }) => window.life.push(`${name} ${persisted ? "kept" : "gone"}`));
      }
      const { join } = await import("/roundtable/index.js");
      window.mesh = await join({ room });
      window.rendezvous = [];
      window.troubles = [];
      window.mesh.on("rendezvous", ({ connected }) => window.rendezvous.push(connected));
      window.mesh.on("storage", (trouble) => window.troubles.push(trouble));
      return window.mesh.id;
    }, room);
    return tab.id;
  }

  const members = (tab) =>
    tab.run(() => window.mesh.members().map(({ id, status, linked }) => ({ id, status, linked })));
  const put = (tab, key, value, options = {}) =>
    tab.run(([key, value, options]) => window.mesh.bucket("things").put(key, value, options), [key, value, options]);
  const local = (tab, key) =>
    tab.run(async (key) => (await window.mesh.bucket("things").get(key, { level: "local" })).value ?? null, key);

  /** All agree that they are these, all of them up, and all linked. */
  const agree = (tabs) =>
    plain.world.until(
      `${tabs.length} agree on who is here`,
      async () => {
        const views = await Promise.all(tabs.map(members));
        return views.every(
          (view, own) =>
            view.length === tabs.length &&
            view.every(({ id, status, linked }) => status === "up" && (linked || id === tabs[own].id)),
        );
      },
      { timeoutMs: 30_000 },
    );

  const isMissed = (witness, tab) =>
    plain.world.until(
      "the one that is away is not thought to answer",
      async () => (await members(witness)).find(({ id }) => id === tab.id)?.status === "suspect",
      { everyMs: 20 },
    );

  async function pair() {
    const room = uniqueName();
    const [tab, other] = [await open("here"), await open("other")];
    await join(tab, room);
    await join(other, room);
    await agree([tab, other]);
    assert.equal((await put(tab, "before", 1, { level: 2 })).met, true);
    return { room, tab, other };
  }

  /** Leaves the page and comes back to it. Tells why the browser has not kept it, or "kept". */
  async function trip(tab, other, number) {
    await tab.run((number) => {
      window.life = [];
      window.seen = [];
      window.mesh.bucket("things").watch(`news ${number}`, ({ value }) => window.seen.push(value ?? null));
      // On its way to the disk when the page is left.
      window.last = window.mesh.bucket("things").put(`last ${number}`, "words", { level: "local" });
    }, number);
    const begun = Date.now();
    await tab.go(page("away"));
    await isMissed(other, tab);
    const missed = Date.now() - begun;
    assert.ok(missed < 3_000, `it said goodbye, and did not just fall silent: ${missed} ms`);
    await shows(tab, "away");
    await put(other, `news ${number}`, "of today", { level: "local" });
    await tab.back();
    await shows(tab, "here");
    const isAnew = await tab.run(() => window.mesh === undefined);
    return isAnew
      ? tab.run(() => JSON.stringify(performance.getEntriesByType("navigation")[0].notRestoredReasons))
      : "kept";
  }

  test("says goodbye, and goes on in the same page, if that was kept, and under its name in any case", {
    timeout,
  }, async () => {
    const { room, tab, other } = await pair();
    const { id } = tab;
    const fates = [];
    const kept = () => fates.filter((fate) => fate === "kept").length;
    for (let number = 0; number < tripsMax && kept() < 2; number++) {
      const fate = await trip(tab, other, number);
      fates.push(fate);
      if (fate === "kept") {
        assert.deepEqual(await tab.run(() => window.life), ["pagehide kept", "pageshow kept"]);
        await plain.world.until("a watcher of it sees what it missed", () =>
          tab.run(() => window.seen.at(-1) === "of today"),
        );
        assert.equal(await tab.run(async () => (await window.last).met), true);
        await plain.world.until(
          "what it wrote last is there",
          async () => (await local(other, `last ${number}`)) === "words",
        );
        await plain.world.until("the rendezvous has it again", () => tab.run(() => window.rendezvous.at(-1) === true));
        assert.deepEqual(await tab.run(() => window.troubles), []);
      } else {
        await join(tab, room);
      }
      assert.equal(await tab.run(() => window.mesh.id), id);
      await agree([tab, other]);
      assert.equal(await local(tab, "before"), 1);
      const receipt = await put(tab, `after ${number}`, 2, { level: 2 });
      assert.deepEqual([receipt.met, await local(other, `after ${number}`)], [true, 2]);
    }
    console.log(`of ${fates.length} pages that were left the browser kept ${kept()}`);
    assert.equal(kept(), 2, `the browser keeps pages, or nothing was shown: ${fates}`);
  });

  test("and whose next page has joined meanwhile is one node after the other, never two", { timeout }, async () => {
    const { room, tab, other } = await pair();
    const { id } = tab;
    await tab.go(page("away"));
    await shows(tab, "away");
    assert.equal(await join(tab, room), id, "the next page of the tab is the node that the last one was");
    assert.equal(await local(tab, "before"), 1);
    await agree([tab, other]);
    assert.equal((await put(tab, "before", "again", { level: 2 })).met, true);
    await tab.back();
    await shows(tab, "here");
    assert.equal(await tab.run(() => window.mesh === undefined), true, "the page that was left is gone");
    assert.equal(await join(tab, room), id);
    assert.equal(await local(tab, "before"), "again");
    await agree([tab, other]);
  });

  test("and whose slot another tab wanted meanwhile is one of two nodes, with the data of both", {
    timeout,
  }, async () => {
    const { room, tab, other } = await pair();
    await tab.go(page("away"));
    await shows(tab, "away");
    // Whether it gets that slot or a new one is the browser's to decide: it may take a moment to drop the kept page.
    const heir = await open("heir");
    await join(heir, room);
    assert.equal((await put(heir, "heir", "of something", { level: "local" })).met, true);
    await tab.back();
    await shows(tab, "here");
    if (await tab.run(() => window.mesh === undefined)) await join(tab, room);
    assert.equal(new Set([tab.id, other.id, heir.id]).size, 3);
    // What it was is still known, where it has come back as another.
    await plain.world.until("all three are up and linked", async () => {
      const views = await Promise.all([tab, other, heir].map(members));
      return views.every((view) => view.filter(({ status, linked }) => status === "up" && linked).length === 2);
    });
    for (const each of [tab, other, heir]) {
      await plain.world.until("it has what was written", async () => {
        return (await local(each, "before")) === 1 && (await local(each, "heir")) === "of something";
      });
    }
  });

  test("after the browser has thrown it out of memory is the node that it was", { timeout }, async () => {
    const { room, tab, other } = await pair();
    const { id } = tab;
    await put(tab, "own", "by it alone", { level: "local" });
    await plain.browser.discard(tab);
    await isMissed(other, tab);
    assert.equal((await put(other, "meanwhile", 2, { level: "local" })).met, true);
    await tab.revive();
    await shows(tab, "here");
    const [discarded, anew] = await tab.run(() => [document.wasDiscarded, window.mesh === undefined]);
    assert.deepEqual([discarded, anew], [true, true], "the browser has loaded the page anew");
    assert.equal(await join(tab, room), id);
    assert.deepEqual([await local(tab, "before"), await local(tab, "own")], [1, "by it alone"]);
    await agree([tab, other]);
    await plain.world.until("it has what it missed", async () => (await local(tab, "meanwhile")) === 2);
  });
});
