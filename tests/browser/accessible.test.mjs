// Everybody can use the page: axe finds nothing wrong in any view, however the visitor's system is set.
import assert from "node:assert/strict";
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

  test("with a cart, siblings, a receipt and invites on it", { timeout }, async () => {
    const [tab] = await pair();
    await by(tab, "cart-quick").first().click();
    await tab.page.getByText("What if two people change it at once?").click();
    await by(tab, "cart-conflict").click();
    await by(tab, "cart-merged").waitFor();
    await by(tab, "kv-put").click();
    await by(tab, "kv-receipt").waitFor();
    await by(tab, "invite-make").click();
    await by(tab, "invite-text").waitFor();
    await assertAccessible(tab.page, "a table of two");
  });
});
