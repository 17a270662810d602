// Every control of the lab does what it says: under a mouse, under a keyboard, under a finger.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hands, openLab } from "./lab.mjs";

const timeout = 300_000;

describe("the lab's controls", { timeout: 1_500_000 }, () => {
  const lab = openLab();

  for (const [name, hand] of Object.entries(hands)) {
    test(`time runs, stands, steps, waits and winds by ${name}`, { timeout }, async () => {
      const page = await lab.page(hand.options);
      const press = (id) => hand.press(page.by(id));
      assert.equal(await page.now(), 0);
      const opened = await page.trace();

      await press("step");
      await page.until("a step says what it was", async () =>
        /^\w.*\.$/.test(await page.by("goal-words").textContent()),
      );
      for (let i = 0; i < 40 && (await page.trace()) === opened; i++) await press("step");
      assert.notEqual(await page.trace(), opened, "steps change the room");
      await press("run");
      await page.until("time runs", async () => (await page.now()) > 100);
      await press("run");
      const stood = await page.now();
      await page.page.waitForTimeout(300);
      assert.equal(await page.now(), stood, "time stands");
      const trace = await page.trace();

      await press("until-message");
      await page.until("a message", async () => /message arrived/.test(await page.by("goal-words").textContent()));
      const later = await page.now();
      assert.ok(later >= stood);
      await press("back");
      await page.until("back where it stood", async () => (await page.now()) === stood);
      assert.equal(await page.trace(), trace, "the same moment is the same state");

      await page.by("scrub").focus();
      await page.by("scrub").press("Home");
      await page.until("at the beginning", async () => (await page.now()) === 0);
      const box = await page.by("scrub").boundingBox();
      const far = [box.x + box.width - 6, box.y + box.height / 2];
      if (name === "mouse") await page.page.mouse.click(...far);
      if (name === "touch") await page.page.touchscreen.tap(...far);
      if (name === "keyboard") await page.by("scrub").press("End");
      await page.until("near the end", async () => (await page.now()) > stood / 2);

      await press("until-settled");
      await page.by("speed").selectOption("50");
      await page.until("all settled", async () => /all settled\.$/.test(await page.by("goal-words").textContent()));
      assert.deepEqual(await page.troubles(), []);
    });

    test(`nodes are stopped, started, frozen, filled, wiped, seen through and added by ${name}`, {
      timeout,
    }, async () => {
      const page = await lab.page(hand.options);
      const press = (id) => hand.press(page.by(id));
      const is = (who, state) =>
        page.until(`${who} is ${state}`, async () => (await page.seat(who).getAttribute("data-state")) === state);
      await page.settle();
      await hand.press(page.seat("Mole"));
      await page.until("Mole is chosen", async () => (await page.seat("Mole").getAttribute("aria-pressed")) === "true");

      await press("kill");
      await is("Mole", "closed");
      await press("until-suspected");
      await page.by("speed").selectOption("20");
      await page.until("Mole is suspected", async () =>
        /suspects Mole\.$/.test(await page.by("goal-words").textContent()),
      );
      await press("start");
      await page.settle();
      await is("Mole", "up");
      await press("freeze");
      await is("Mole", "frozen");
      await press("freeze");
      await is("Mole", "up");
      await press("fill-disk");
      await page.until("its disk is full", async () => /disk full/.test(await page.seat("Mole").textContent()));
      await press("fill-disk");
      await press("wipe");
      await is("Mole", "closed");
      await press("start");
      await press("see-as");
      await page.until("seen through Mole", async () => /Mole/.test(await page.by("viewing").textContent()));
      await press("see-as");
      await page.by("viewing").waitFor({ state: "detached" });
      await page.by("tokens").fill("64");
      await press("weigh");
      await page.until("it has more tokens", async () => (await page.by("tokens").inputValue()) === "64");
      await press("close");
      await page.by("run").click();
      await is("Mole", "closed");

      await press("add-node");
      await page.until("six seats", async () => (await page.by("seat").count()) === 6);
      await page.settle();
      await hand.press(page.seat("Wren"));
      await press("leave");
      await page.settle();
      await page.until("Wren is gone", async () => (await page.seat("Wren").count()) === 0);
      assert.deepEqual(await page.troubles(), []);
    });

    test(`links are cut and mended, the room is parted and healed, messages are taken by ${name}`, {
      timeout,
    }, async () => {
      const page = await lab.page(hand.options);
      const press = (id) => hand.press(page.by(id));
      await page.settle();
      const links = async (who) => {
        await page.by("tab-nodes").click();
        const row = page.page.locator(`[data-testid="node-row"][data-name="${who}"] td.number`);
        const count = Number(await row.last().textContent());
        await page.by("tab-act").click();
        return count;
      };
      assert.equal(await links("Otter"), 4);
      await page.by("cut-from").selectOption("Otter");
      await page.by("cut-to").selectOption("Otter");
      await press("cut");
      await page.by("trouble").getByText("Choose two different nodes.").waitFor();
      await hand.press(page.by("trouble").getByRole("button", { name: "Put away" }));
      await page.by("trouble").waitFor({ state: "detached" });
      await page.by("cut-to").selectOption("Lynx");
      await press("cut");
      await page.by("speed").selectOption("10");
      await page.by("run").click();
      await page.until("the link is gone", async () => (await links("Otter")) === 3);
      await press("mend");
      await page.until("the link is back", async () => (await links("Otter")) === 4);
      await press("hang-up");

      for (const side of await page
        .by("sides")
        .locator("label", { hasText: /Wren|Mole/ })
        .all()) {
        await hand.press(side.locator("input"));
      }
      await press("partition");
      await page.until("three links are cut", async () => (await links("Otter")) <= 2);
      await press("heal");
      await page.until("all are linked", async () => (await links("Otter")) === 4);
      await page.by("run").click();

      await page.by("tab-key").click();
      await press("ask-put");
      await page.by("until-message").click();
      await page.by("tab-act").click();
      await page.by("flight").first().waitFor();
      // The list shows the next twelve of them, its head how many there are.
      const flying = async () => Number(await page.page.locator("#deeds-messages .quiet").textContent());
      const before = await flying();
      assert.ok(before > 0);
      await hand.press(page.by("flight").first().getByRole("button", { name: /Delay/ }));
      assert.equal(await flying(), before);
      await hand.press(page.by("flight").first().getByRole("button", { name: /Drop/ }));
      await page.until("one less is on its way", async () => (await flying()) === before - 1);
      assert.deepEqual(await page.troubles(), []);
    });

    test(`a key is written, read and deleted and its request rises, by ${name}`, { timeout }, async () => {
      const page = await lab.page(hand.options);
      const press = (id) => hand.press(page.by(id));
      await page.settle();
      await press("tab-key");
      await page.by("ask-key").fill("carol");
      await page.by("ask-value").fill("coffee");
      await page.by("ask-level").selectOption("all");
      await press("ask-put");
      const newest = page.by("request").first();
      assert.equal(await newest.getAttribute("data-met"), "open", "nothing moves while time stands");
      await page.by("speed").selectOption("10");
      await press("until-quorum");
      await page.until("it is met", async () => (await newest.getAttribute("data-met")) === "true");
      assert.match(await newest.textContent(), /3 of 3 · met/);
      const copies = page.page.locator('[data-testid="replica"][data-role="owner"][data-found="true"]');
      await page.until("all three owners hold it", async () => (await copies.count()) === 3);
      await press("ask-get");
      await press("until-quorum");
      await page.until("the value is read", async () => /get carol.*coffee/.test(await newest.textContent()));
      await press("ask-delete");
      await press("until-quorum");
      await page.until("it is deleted", async () => /delete carol.*met/.test(await newest.textContent()));
      await press("load-20");
      await page.by("run").click();
      await page.until("others ask too", async () => /load-\d/.test(await newest.textContent()));
      await press("load-0");
      const last = await newest.getAttribute("data-id");
      const stopped = await page.now();
      await page.until("time goes on", async () => (await page.now()) > stopped + 1000);
      assert.equal(await newest.getAttribute("data-id"), last, "nobody asks any more");
      assert.deepEqual(await page.troubles(), []);
    });

    test(`panels, dialogs and histories open and close by ${name}`, { timeout }, async () => {
      const page = await lab.page(hand.options);
      const press = (id) => hand.press(page.by(id));
      for (const panel of ["key", "nodes", "time", "log", "figures", "act"]) {
        await press(`tab-${panel}`);
        assert.equal(await page.by("panel").getAttribute("data-panel"), panel);
      }
      for (const sheet of ["help", "lessons", "room"]) {
        await press(`open-${sheet}`);
        await page.by(sheet).waitFor();
        await hand.press(page.by(sheet).getByRole("button", { name: "Close" }));
        await page.by(sheet).waitFor({ state: "hidden" });
      }
      await press("open-room");
      await page.by("room-nodes").fill("99");
      await page.by("room-nodes").blur();
      await press("room-open");
      assert.match(await page.by("room-problem").textContent(), /2 to 64 nodes/);
      await page.by("room-nodes").fill("12");
      await page.by("room-devices").fill("6");
      await page.by("room-capacity").fill("64, 32");
      await page.by("room-n").fill("2");
      await press("room-open");
      await page.until("twelve seats", async () => (await page.by("seat").count()) === 12);

      await page.by("run").click();
      await press("fork");
      await page.by("histories").waitFor();
      assert.equal(
        await page
          .by("histories")
          .getByRole("button", { name: /^History/ })
          .count(),
        2,
      );
      await hand.press(page.by("histories").getByRole("button", { name: "History A", exact: true }));
      await hand.press(page.by("histories").getByRole("button", { name: "Close History B" }));
      await page.by("histories").waitFor({ state: "detached" });
      await press("copy-link");
      await page.until("the link is given", async () =>
        /Link copied|Copy it yourself/.test(await page.page.getByRole("banner").textContent()),
      );

      await press("until-settled");
      await page.by("speed").selectOption("100");
      await page.until("all settled", async () => /all settled\.$/.test(await page.by("goal-words").textContent()));
      await press("tab-log");
      await page.by("log-kind").selectOption("linked");
      const line = page.by("log-entry").last();
      assert.match(await line.textContent(), /gets a link/);
      const settled = await page.now();
      await hand.press(line.getByRole("button"));
      await page.until("time is wound to that line", async () => (await page.now()) < settled);
      await press("tab-time");
      await page.by("span").selectOption("5000");
      assert.match(await page.by("space-time").getAttribute("aria-label"), /12 nodes/);
      assert.deepEqual(await page.troubles(), []);
    });
  }

  test("the keyboard alone does it too: each key of the help", { timeout }, async () => {
    const page = await lab.page();
    const { keyboard } = page.page;
    await page.page.evaluate(() => document.activeElement?.blur());
    await keyboard.press("e");
    for (let i = 0; i < 6; i++) await keyboard.press("+");
    await page.until("all settled", async () => /all settled\.$/.test(await page.by("goal-words").textContent()));
    const settled = await page.now();
    await keyboard.press("Home");
    assert.equal(await page.now(), 0);
    await keyboard.press("End");
    assert.equal(await page.now(), settled);
    await keyboard.press("ArrowLeft");
    assert.ok((await page.now()) < settled);
    await keyboard.press("End");
    await keyboard.press("-");
    await keyboard.press(".");
    await keyboard.press("n");
    await page.until("a message", async () => /message arrived/.test(await page.by("goal-words").textContent()));
    await keyboard.press("b");
    await keyboard.press(" ");
    assert.equal(await page.by("run").getAttribute("aria-pressed"), "true");
    await keyboard.press(" ");
    for (const [i, panel] of ["act", "key", "nodes", "time", "log", "figures"].entries()) {
      await keyboard.press(String(i + 1));
      assert.equal(await page.by("panel").getAttribute("data-panel"), panel);
    }
    await page.seat("Heron").focus();
    await keyboard.press("Enter");
    await keyboard.press("v");
    await page.by("viewing").waitFor();
    await keyboard.press("v");
    await keyboard.press("z");
    assert.equal(await page.seat("Heron").getAttribute("data-state"), "frozen");
    await keyboard.press("z");
    await keyboard.press("k");
    assert.equal(await page.seat("Heron").getAttribute("data-state"), "closed");
    await keyboard.press("u");
    await page.until("Heron is suspected", async () =>
      /suspects Heron/.test(await page.by("goal-words").textContent()),
    );
    await keyboard.press("r");
    await keyboard.press("f");
    await page.by("histories").waitFor();
    await keyboard.press("?");
    await page.by("help").waitFor();
    await keyboard.press("Escape");
    await page.by("help").waitFor({ state: "hidden" });
    await keyboard.press("l");
    await page.by("lessons").waitFor();
    assert.deepEqual(await page.troubles(), []);
  });

  test("a key that follows a dialog's closing at once opens the next one", { timeout }, async () => {
    const page = await lab.page();
    await page.page.evaluate(() => document.activeElement?.blur());
    await page.page.keyboard.press("?");
    await page.by("help").waitFor();
    // The browser closes it, and the key is there before the "close" event is: no hand is that fast, a busy page is.
    const told = await page.by("help").evaluate(async (help) => {
      const closed = new Promise((resolve) => help.addEventListener("close", resolve, { once: true }));
      help.close();
      document.dispatchEvent(new KeyboardEvent("keydown", { key: "l", bubbles: true }));
      const before = document.querySelector("dialog[open]")?.dataset.testid;
      await closed;
      return [before, document.querySelector("dialog[open]")?.dataset.testid];
    });
    assert.deepEqual(told, ["lessons", "lessons"]);
    await page.page.keyboard.press("Escape");
    await page.by("lessons").waitFor({ state: "hidden" });
    assert.deepEqual(await page.troubles(), []);
  });
});
