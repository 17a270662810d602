// Everybody can use the page: axe finds nothing wrong in any view, however the visitor's system is set.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { assertAccessible, violations } from "./axe.mjs";
import { uniqueName, World } from "./harness.mjs";

const timeout = 120_000;

describe("the page for everybody", { timeout: 400_000 }, () => {
  let world, left;
  before(async () => {
    world = await World.open();
    left = await world.profile("left");
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  const by = (tab, id) => tab.page.getByTestId(id);
  async function pair() {
    const room = uniqueName();
    const tabs = [await left.tab("one", `/#room=${room}`), await left.tab("two", `/#room=${room}`)];
    for (const tab of tabs) await tab.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
    await tabs[0].run(() => window.roundtable.mesh.ready());
    return tabs;
  }

  test("axe sees what is wrong, or its silence would say nothing", { timeout }, async () => {
    const tab = await left.tab();
    await tab.page.evaluate(() => {
      document.body.innerHTML = "<main><h1>x</h1><img src='data:,'><button></button></main>";
    });
    const found = (await violations(tab.page)).map((line) => line.split(":")[0]);
    assert.deepEqual(found.sort(), ["button-name", "image-alt"]);
  });

  test("with a cart, siblings, a receipt, a poll, a note and invites on it", { timeout }, async () => {
    const [tab, other] = await pair();
    await by(tab, "cart-quick").first().click();
    await tab.page.getByText("What if two people change it at once?").click();
    await by(tab, "cart-conflict").click();
    await by(tab, "cart-merged").waitFor();
    await by(tab, "kv-put").click();
    await by(tab, "kv-receipt").waitFor();
    await by(tab, "invite-make").click();
    await by(tab, "invite-text").waitFor();
    await other.run(() => {
      const poll = window.roundtable.mesh.bucket("poll", { type: "lww" });
      return poll.put("now", { id: "x", text: "Tea?", options: ["yes", "no"] });
    });
    await by(tab, "poll-vote").first().click();
    await by(tab, "cut").first().click();
    await by(tab, "pause").click();
    await by(tab, "paused-note").waitFor();
    await assertAccessible(tab.page, "a table of two");
    await by(tab, "resume").click();
    await by(tab, "rooms-open").click();
    await by(tab, "room-given").fill("https://example.org/");
    await by(tab, "room-join").click();
    await by(tab, "room-problem").waitFor();
    await assertAccessible(tab.page, "the rooms");
  });

  test("on every view of the board", { timeout: 240_000 }, async () => {
    const [tab] = await pair();
    await by(tab, "board-on").click();
    for (const view of ["join", "ring", "all", "poll", "lids"]) {
      await by(tab, `board-${view}`).click();
      if (view === "poll") {
        await by(tab, "poll-text").fill("Which tab is the server?");
        await by(tab, "poll-option").nth(0).fill("Mine");
        await by(tab, "poll-option").nth(1).fill("None");
        await by(tab, "poll-ask").click();
        await by(tab, "poll-vote").nth(1).click();
      }
      await assertAccessible(tab.page, `the board, ${view}`);
    }
  });

  test("in the teacher's guide, whose every link leads somewhere", { timeout }, async () => {
    const tab = await left.tab("guide", "/guide/");
    await assertAccessible(tab.page, "the guide");
    const links = await tab.page.locator("a").evaluateAll((all) => all.map(({ href }) => href));
    const ours = links.filter((href) => new URL(href).origin === world.origin);
    assert.ok(ours.length >= 2, `${links}`);
    for (const href of ours) assert.equal((await fetch(href)).status, 200, href);
    const lessons = ours.flatMap((href) => /#lesson=(.+)$/.exec(href)?.[1] ?? []);
    const known = await readdir(new URL("../lessons/", import.meta.url));
    assert.deepEqual(
      lessons.map((id) => `${id}.json`).sort(),
      known.filter((name) => name.endsWith(".json")).sort(),
      "each lesson of the lab has its place in the plan",
    );
  });

  test("where a tab has left, where it failed, and where the link is broken", { timeout }, async () => {
    const tab = await left.tab("left", "/#room=%E0%A4%A");
    await by(tab, "link-problem").waitFor();
    await assertAccessible(tab.page, "a broken link");
    const failing = await left.tab("failing");
    await failing.page.route("**/roundtable/index.js*", (route) => route.abort());
    world.expectErrors(/ERR_FAILED/);
    await failing.page.goto(new URL(`/#room=${uniqueName()}`, world.origin).href);
    await by(failing, "failure").waitFor();
    await assertAccessible(failing.page, "a tab that could not load the store");
  });
});
