// The page as a visitor has it: two windows side by side, a cart, a form, a ring; nothing on the console.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { uniqueName, World } from "./harness.mjs";

const timeout = 60_000;

describe("the page in two browsers", { timeout: 180_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  const by = (tab, id) => tab.page.getByTestId(id);
  const item = (tab, name) => tab.page.locator(`[data-testid="cart-item"][data-name="${name}"]`);
  const phase = (tab, is) => tab.page.locator(`[data-testid="presence"][data-phase="${is}"]`);

  async function sideBySide() {
    const room = uniqueName();
    const tabs = [await left.tab("left", `/#room=${room}`), await right.tab("right", `/#room=${room}`)];
    await Promise.all(tabs.map((tab) => phase(tab, "here").waitFor()));
    return { room, tabs };
  }

  async function met(tabs) {
    for (const tab of tabs) {
      await world.until(`${tab.name} says that two are here and linked`, async () =>
        (await by(tab, "presence").textContent()).includes(`${tabs.length} here, ${tabs.length - 1} link`),
      );
    }
  }

  async function add(tab, name) {
    await by(tab, "cart-input").fill(name);
    await by(tab, "cart-add").click();
  }

  test("what is added to the cart in one appears in the other, within ten seconds of opening both", {
    timeout,
  }, async () => {
    const began = Date.now();
    const { tabs } = await sideBySide();
    const [a, b] = tabs;
    await add(a, "pears");
    await item(b, "pears").waitFor({ timeout: 10_000 });
    await by(b, "cart-quick").first().click();
    const quick = await by(b, "cart-item").locator(`xpath=self::*[not(@data-name="pears")]`).getAttribute("data-name");
    await item(a, quick).waitFor({ timeout: 10_000 });
    const ms = Date.now() - began;
    assert.ok(ms < 10_000, `it took ${ms} ms`);
    await item(a, "pears").getByTestId("cart-more").click();
    await b.page.locator('[data-testid="cart-item"][data-name="pears"][data-quantity="2"]').waitFor();
    await met(tabs);
    for (const tab of tabs) {
      assert.equal(await by(tab, "ring-seat").count(), 2, `${tab.name} draws both`);
      assert.equal(await by(tab, "member-row").count(), 2, `${tab.name} lists both`);
    }
  });

  test("carts changed on both sides of a cut are merged, and the page shows it", { timeout }, async () => {
    const { tabs } = await sideBySide();
    const [a, b] = tabs;
    await add(a, "flour");
    await item(b, "flour").waitFor();
    await met(tabs);
    const ids = await Promise.all(tabs.map((tab) => tab.run(() => window.roundtable.mesh.id)));
    const both = (work) => Promise.all([a.run(work, ids[1]), b.run(work, ids[0])]);
    await both((id) => window.roundtable.mesh.cut(id));
    await add(a, "salt");
    await add(b, "sugar");
    await item(a, "salt").waitFor();
    await item(b, "sugar").waitFor();
    assert.equal(await item(b, "salt").count(), 0);
    await both((id) => window.roundtable.mesh.uncut(id));
    for (const tab of tabs) {
      for (const name of ["flour", "salt", "sugar"]) await item(tab, name).waitFor();
      await by(tab, "cart-merged").waitFor();
      assert.equal(await by(tab, "cart-version").count(), 2);
    }
    await by(a, "cart-settle").click();
    for (const tab of tabs) {
      await by(tab, "cart-merged").waitFor({ state: "detached" });
      for (const name of ["flour", "salt", "sugar"]) assert.equal(await item(tab, name).count(), 1);
    }
  });

  test("the form puts, gets and deletes, and shows the receipt as it rises", { timeout }, async () => {
    const room = uniqueName();
    const a = await left.tab("left", `/#room=${room}`);
    await phase(a, "here").waitFor();
    await by(a, "kv-key").fill("colour");
    await by(a, "kv-value").fill('{"name":"blue"}');
    await by(a, "kv-put").click();
    const receipt = by(a, "kv-receipt");
    await receipt.waitFor();
    const shown = async () => ({
      met: await receipt.getAttribute("data-met"),
      reached: await receipt.getAttribute("data-reached"),
      needed: await receipt.getAttribute("data-needed"),
      requested: await receipt.getAttribute("data-requested"),
    });
    assert.deepEqual(await shown(), { met: "false", reached: "local", needed: "2", requested: "quorum" });
    const b = await right.tab("right", `/#room=${room}`);
    await phase(b, "here").waitFor();
    await world.until("the receipt on the page rises by itself", async () => (await shown()).met === "true");
    assert.equal((await shown()).reached, "quorum");
    assert.equal(await receipt.getAttribute("data-devices"), "2");

    await by(b, "kv-key").fill("colour");
    await by(b, "kv-get").click();
    await by(b, "kv-read-value").waitFor();
    assert.match(await by(b, "kv-read-value").textContent(), /blue/);
    await by(b, "kv-delete").click();
    await by(b, "kv-receipt").waitFor();
    await by(a, "kv-get").click();
    await a.page.locator('[data-testid="kv-read"][data-found="false"]').waitFor();
  });

  test("both pages name the same owners of a key", { timeout }, async () => {
    const { tabs } = await sideBySide();
    await met(tabs);
    const owners = async (tab) => {
      await by(tab, "look-bucket").fill("kv");
      await by(tab, "look-key").fill("anything");
      await tab.page.waitForTimeout(200);
      return tab.run(() => window.roundtable.mesh.preferenceList("kv", "anything").owners);
    };
    const [ofA, ofB] = [await owners(tabs[0]), await owners(tabs[1])];
    assert.deepEqual(ofA, ofB);
    const shown = await Promise.all(tabs.map((tab) => by(tab, "preference-owner").count()));
    assert.deepEqual(shown, [2, 2]);
  });

  test("a reload keeps the cart and the name of the tab", { timeout }, async () => {
    const tab = await left.tab("left", `/#room=${uniqueName()}`);
    await phase(tab, "here").waitFor();
    await add(tab, "rye");
    await item(tab, "rye").waitFor();
    const label = await by(tab, "node-label").inputValue();
    const id = await tab.run(() => window.roundtable.mesh.id);
    await tab.page.reload();
    await phase(tab, "here").waitFor();
    await item(tab, "rye").waitFor();
    assert.equal(await by(tab, "node-label").inputValue(), label);
    assert.equal(await tab.run(() => window.roundtable.mesh.id), id);
  });

  test("a link with a secret admits whom it is given to, and no request ever carries it", { timeout }, async () => {
    const requests = [];
    for (const profile of [left, right]) profile.context.on("request", (request) => requests.push(request.url()));
    const room = uniqueName();
    const secret = "00112233445566778899aabbccddeeff";
    const tabs = [await left.tab("left", `/#room=${room}&secret=${secret}`)];
    await phase(tabs[0], "here").waitFor();
    tabs.push(await right.tab("right", `/${new URL(tabs[0].page.url()).hash}`));
    tabs.push(await right.tab("stranger", `/#room=${room}`));
    for (const tab of tabs) await phase(tab, "here").waitFor();
    for (const tab of tabs.slice(0, 2)) await tab.run(() => window.roundtable.mesh.ready({ timeoutMs: 15_000 }));
    const members = (tab) => tab.run(() => window.roundtable.mesh.members().length);
    assert.deepEqual(await Promise.all(tabs.map(members)), [2, 2, 1]);
    assert.ok(requests.length > 3);
    assert.deepEqual(
      requests.filter((url) => url.includes(secret)),
      [],
    );
  });

  test("the README's hello world works as it stands, in two browsers", { timeout }, async () => {
    const tabs = [await left.tab("left", "/hello"), await right.tab("right", "/hello")];
    await tabs[0].page.getByLabel("Something to buy").fill("tea");
    await tabs[0].page.getByLabel("Something to buy").press("Enter");
    for (const tab of tabs) await tab.page.getByRole("listitem").filter({ hasText: "tea" }).waitFor();
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
    const shown = await readFile(new URL("../../www/site/public/hello.js", import.meta.url), "utf8");
    assert.ok(readme.includes(shown), "the README shows another hello world than the one that is served");
  });
});
