// Every control of the live page, by mouse, by keyboard and by touch: each does what it says, whoever presses it.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { hands } from "./hands.mjs";
import { uniqueName, World } from "./harness.mjs";

const timeout = 180_000;

describe("every control of the page", { timeout: 900_000 }, () => {
  let world, desk, phone;
  before(async () => {
    world = await World.open();
    desk = await world.profile("desk");
    const context = { hasTouch: true, viewport: { width: 390, height: 800 } };
    phone = await world.profile("phone", undefined, { context });
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  /** A page under one kind of hand, in a room with one node more. A finger has a small screen. */
  async function table(kind) {
    const room = uniqueName();
    const profile = kind === "touch" ? phone : desk;
    const tab = await profile.tab(`by ${kind}`, `/#room=${room}`);
    const other = await profile.tab("other", `/#room=${room}`);
    for (const each of [tab, other]) await each.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
    await tab.run(() => window.roundtable.mesh.ready());
    await tab.page.bringToFront();
    const by = (id) => tab.page.getByTestId(id);
    const attribute = (id, name, value) =>
      world.until(`${id} has ${name}=${value}`, async () => (await by(id).first().getAttribute(name)) === value);
    const { press, type: typeInto } = hands[kind];
    return {
      room,
      tab,
      other,
      by,
      attribute,
      press: (id, at = 0) => press(by(id).nth(at)),
      pressIt: press,
      type: (id, text, at = 0) => typeInto(by(id).nth(at), text),
    };
  }

  for (const kind of Object.keys(hands)) {
    test(`the cart and the form, by ${kind}`, { timeout }, async () => {
      const { by, press, type, attribute, pressIt, tab } = await table(kind);
      await type("cart-input", "figs");
      await press("cart-add");
      await tab.page.locator('[data-testid="cart-item"][data-name="figs"]').waitFor();
      await press("cart-more");
      await tab.page.locator('[data-testid="cart-item"][data-name="figs"][data-quantity="2"]').waitFor();
      await press("cart-fewer");
      await tab.page.locator('[data-testid="cart-item"][data-name="figs"][data-quantity="1"]').waitFor();
      await press("cart-quick");
      await world.until("the quick one is there", async () => (await by("cart-item").count()) === 2);
      await pressIt(tab.page.getByText("What if two people change it at once?"));
      await press("cart-conflict");
      await by("cart-merged").waitFor();
      await press("cart-settle");
      await by("cart-merged").waitFor({ state: "detached" });

      await type("kv-key", "colour");
      await type("kv-value", "blue");
      await press("kv-level-all");
      assert.equal(await by("kv-level-all").isChecked(), true);
      await press("kv-level-local");
      await press("kv-put");
      await attribute("kv-receipt", "data-requested", "local");
      await press("kv-get");
      await attribute("kv-read", "data-found", "true");
      await press("kv-delete");
      await by("kv-receipt").waitFor();

      await type("look-bucket", "kv");
      await type("look-key", "colour");
      assert.match(await by("hash").textContent(), /kv \/ colour/);
      await attribute("own-copy", "data-versions", "0");
      await press("replicas-ask");
      await tab.page.getByText("answered when asked").first().waitFor();
    });

    test(`pause, cables, figures, log and leaving, by ${kind}`, { timeout }, async () => {
      const { by, press, type, attribute, tab, other } = await table(kind);
      const isPaused = () => tab.run(() => window.roundtable.mesh.isPaused());
      await press("pause");
      assert.equal(await isPaused(), true);
      await press("resume");
      assert.equal(await isPaused(), false);
      await press("pause");
      await press("pause");
      assert.equal(await isPaused(), false);
      const links = () => tab.run(() => window.roundtable.mesh.metrics().links);
      await press("cut");
      await world.until("the cable is cut", async () => (await links()) === 0);
      await press("cut");
      await world.until("the cable is mended", async () => (await links()) === 1);

      for (const question of ["lag", "hints", "time", "bytes"]) {
        await press(`chart-${question}`);
        await attribute("over-time", "data-question", question);
      }
      await press("chart-of-room");
      await attribute("over-time", "data-whose", "room");
      await press("chart-of-own");
      await press("log-kind-link");
      assert.equal(await tab.page.locator('[data-testid="log-entry"][data-kind="link"]').count(), 0);
      await press("log-kind-link");
      await type("log-search", "was cut to");
      await world.until("one event says so", async () => (await by("log-entry").count()) === 1);
      await press("log-hold");
      assert.equal(await by("log-hold").getAttribute("aria-pressed"), "true");

      await world.until("all are heard of", async () => (await by("everybody").getAttribute("data-heard")) === "2");
      await press("leave");
      // Both are of one device, and copies that only this device would have are not handed over.
      await tab.page.getByText("This tab stays").or(by("left-note")).first().waitFor({ timeout: 30_000 });
      await other.page.close();
    });

    test(`the head, the members, all cables at once and invites, by ${kind}`, { timeout }, async () => {
      const { by, press, pressIt, type, attribute, tab, room } = await table(kind);
      const { context } = tab.profile;
      const [opened] = await Promise.all([context.waitForEvent("page"), press("open-tab")]);
      await opened.locator('[data-testid="presence"][data-phase="here"]').waitFor();
      assert.equal(new URL(opened.url()).hash, `#room=${room}`);
      await tab.page.bringToFront();
      await press("copy-link");
      await tab.page.getByText("Link copied").or(tab.page.locator("#link-by-hand")).first().waitFor();
      const links = () => tab.run(() => window.roundtable.mesh.metrics().links);
      await world.until("both others are linked", async () => (await links()) === 2);
      await press("cut-all");
      await world.until("all cables are cut", async () => (await links()) === 0);
      await press("mend-all");
      await world.until("all cables are mended", async () => (await links()) === 2);
      await opened.close();
      // A phone has no place beside.
      assert.equal(await by("open-beside").isVisible(), kind !== "touch");
      if (kind !== "touch") {
        const [beside] = await Promise.all([context.waitForEvent("page"), press("open-beside")]);
        await beside.locator('[data-testid="presence"][data-phase="here"]').waitFor();
        assert.equal(new URL(beside.url()).hash, `#room=${room}`);
        await beside.close();
        await tab.page.bringToFront();
      }

      await pressIt(tab.page.getByTestId("member-row").first().getByRole("button"));
      await tab.page.locator('[data-testid="member-row"].lit').waitFor();
      await type("look-key", "anything");
      await pressIt(tab.page.getByRole("button", { name: "Show on the ring" }).first());
      assert.equal(await by("look-key").inputValue(), "table");
      await press("invite-make");
      await by("invite-text").waitFor();
      await press("invite-copy");
      await type("invite-received", "no invite");
      await press("invite-accept");
      await by("answer-problem").waitFor();
      await press("guide");
      await tab.page.getByRole("heading", { name: "Your class is the database." }).waitFor();
      await tab.page.goBack();
      await tab.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();

      await type("node-label", `Owl by ${kind}`);
      await tab.page.keyboard.press("Enter");
      await world.until("the tab has the new name", () =>
        tab.run((label) => window.roundtable?.mesh.members()[0]?.label === label, `Owl by ${kind}`),
      );
      await type("room-name", `${room}-3`);
      await tab.page.keyboard.press("Enter");
      await world.until("the room is another", () =>
        tab.run((room) => window.roundtable?.mesh.room === room, `${room}-3`),
      );
      await attribute("presence", "data-phase", "here");
    });

    test(`rooms and the board, by ${kind}`, { timeout }, async () => {
      const { by, press, type, attribute, tab, other, room } = await table(kind);
      await press("rooms-open");
      assert.equal(await by("room-link").inputValue(), tab.page.url());
      await type("room-given", "https://example.org/nothing");
      await press("room-join");
      assert.match(await by("room-problem").textContent(), /names no room/);
      await type("room-new", `${room}-2`);
      await press("room-private");
      await press("room-private");
      await press("room-create");
      await world.until("the room is another, with a secret", () =>
        tab.page.url().match(new RegExp(`#room=${room}-2&secret=[0-9a-f]{32}$`)),
      );
      await tab.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
      await type("room-given", `${world.origin}/#room=${room}`);
      await press("room-join");
      await by("rooms").waitFor({ state: "hidden" });
      await world.until("the tab is back in the first room, and linked", () =>
        tab.run((room) => {
          const mesh = window.roundtable?.mesh;
          return mesh?.room === room && mesh.metrics().links === 1;
        }, room),
      );

      await press("board-on");
      await by("board").waitFor();
      for (const view of ["ring", "all", "poll"]) {
        await press(`board-${view}`);
        await attribute("board", "data-view", view);
      }
      await type("poll-text", "Which tab is the server?");
      await type("poll-option", "Mine", 0);
      await type("poll-option", "None", 1);
      await press("poll-more");
      await press("poll-ask");
      await press("poll-vote", 1);
      await attribute("poll", "data-total", "1");
      await press("poll-vote", 0);
      await world.until("the vote has moved", async () => {
        const counts = await by("poll-vote").evaluateAll((all) => all.map(({ dataset }) => dataset.count));
        return counts.join() === "1,0";
      });
      await other.page.getByTestId("poll-vote").nth(1).click();
      await attribute("poll", "data-total", "2");
      await press("poll-end");
      await other.page.getByTestId("poll").waitFor({ state: "detached" });
      await press("board-lids");
      await press("lids-write");
      await tab.page.getByText("60 of 60 are with a quorum").waitFor();
      await press("lids-read");
      await attribute("lids-back", "data-found", "60");
      await press("board-off");
      await by("cart").waitFor();
    });
  }

  test("who leaves has handed over everything, and may come again as somebody new", { timeout }, async () => {
    const room = uniqueName();
    const [leaver, keeper] = [await desk.tab("leaver", `/#room=${room}`), await phone.tab("keeper", `/#room=${room}`)];
    const by = (id) => leaver.page.getByTestId(id);
    for (const tab of [leaver, keeper]) {
      await tab.page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
      await tab.run(() => window.roundtable.mesh.ready());
    }
    const id = await leaver.run(() => window.roundtable.mesh.id);
    await by("cart-quick").first().click();
    await keeper.page.getByTestId("cart-item").waitFor();
    await by("leave").click();
    await by("left-note").waitFor({ timeout: 30_000 });
    assert.equal(await by("cut").count(), 0);
    await world.until("the keeper is alone, with the cart", async () => {
      const members = await keeper.run(() => window.roundtable.mesh.members().length);
      return members === 1 && (await keeper.page.getByTestId("cart-item").count()) === 1;
    });
    await by("join-again").click();
    await by("cart-item").waitFor();
    assert.notEqual(await leaver.run(() => window.roundtable.mesh.id), id);
    assert.equal(await by("left-note").count(), 0);
  });

  test("a presenter's remote turns the board, and leaves fields alone", { timeout }, async () => {
    const tab = await desk.tab("remote", `/#room=${uniqueName()}&view=board`);
    const board = tab.page.getByTestId("board");
    const { keyboard } = tab.page;
    await board.waitFor();
    const seen = [];
    for (const key of ["PageDown", "PageDown", "ArrowRight", "PageUp", "ArrowRight", "ArrowRight", "ArrowRight"]) {
      await keyboard.press(key);
      seen.push(await board.getAttribute("data-view"));
    }
    assert.deepEqual(seen, ["ring", "all", "poll", "all", "poll", "lids", "join"]);
    await tab.page.getByTestId("board-poll").click();
    await tab.page.getByTestId("poll-text").fill("ab");
    await keyboard.press("ArrowLeft");
    await keyboard.type("x");
    assert.equal(await tab.page.getByTestId("poll-text").inputValue(), "axb");
    assert.equal(await board.getAttribute("data-view"), "poll");
  });
});
