// What every view looks like, at three sizes, beside a reference that somebody has looked at. `npm run looks` writes the
// references anew.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { World } from "./harness.mjs";
import { assertLooks, difference, dress, sizes } from "./looks.mjs";

const timeout = 180_000;
const tabs = 3;

describe("how the pages look", { timeout: 600_000 }, () => {
  let world, tab;
  before(async () => {
    world = await World.open();
    const profile = await world.profile("looks", undefined, { context: { colorScheme: "light" } });
    await dress(profile.context, 4);
    const opened = [];
    // One after another, so that each is who it was.
    for (let i = 0; i < tabs; i++) {
      opened.push(await profile.tab(`tab ${i}`, `/?tab=${i}#room=looks`));
      await opened[i].page.locator('[data-testid="presence"][data-phase="here"]').waitFor();
    }
    tab = opened[0];
    await tab.run((others) => window.roundtable.mesh.ready({ peers: others }), tabs - 1);
    await tab.page.bringToFront();
  });
  after(() => world?.close());

  const by = (id) => tab.page.getByTestId(id);
  /** What is never twice the same: addresses, times, bytes, and what counts them. */
  const mask = () => [
    ...["chart", "log", "presence", "room-link", "room-code", "board-code", "everybody"].map(by),
    tab.page.locator(".board-link, .counts dd, .kv-result"),
  ];
  const seen = new Map();
  async function look(name, full = false) {
    const problems = [];
    for (const size of sizes) {
      await tab.page.setViewportSize(size);
      await tab.page.evaluate(() => scrollTo(0, 0));
      const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= size.width, `${name} is ${width} px wide in a window of ${size.width}`);
      await tab.page.waitForTimeout(150);
      try {
        seen.set(`${name}-${size.width}`, await assertLooks(tab.page, `${name}-${size.width}`, { full, mask: mask() }));
      } catch (error) {
        problems.push(error.message);
      }
    }
    assert.deepEqual(problems, []);
  }

  test("the table", { timeout }, async () => {
    await by("cart-input").fill("tea");
    await by("cart-add").click();
    await by("cart-item").waitFor();
    await by("kv-put").click();
    await by("kv-receipt").waitFor();
    await world.until(
      "all have told how they are",
      async () => (await by("everybody").getAttribute("data-heard")) === "3",
    );
    await look("table", true);
  });

  test("the rooms", { timeout }, async () => {
    await by("rooms-open").click();
    await look("rooms");
    await by("rooms-close").click();
  });

  test("the board", { timeout }, async () => {
    await by("board-on").click();
    for (const view of ["join", "ring", "all", "poll", "lids"]) {
      await by(`board-${view}`).click();
      if (view === "poll") {
        await by("poll-text").fill("Which tab is the server?");
        await by("poll-option").nth(0).fill("The teacher's");
        await by("poll-option").nth(1).fill("None of them");
        await by("poll-ask").click();
        await by("poll-vote").nth(1).click();
        await tab.page.locator('[data-testid="poll"][data-total="1"]').waitFor();
      }
      await tab.page.mouse.move(0, 0);
      await look(`board-${view}`);
    }
  });

  test("on a projector no word of the board is smaller than 18 px", { timeout }, async () => {
    await tab.page.setViewportSize(sizes[0]);
    for (const view of ["join", "ring", "all", "poll", "lids"]) {
      await by(`board-${view}`).click();
      await by(view === "ring" ? "ring-seat" : "board")
        .first()
        .waitFor();
      const small = await tab.page.evaluate(() => {
        const found = new Set();
        const walker = document.createTreeWalker(document.querySelector(".board"), NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const { parentElement: element, textContent } = walker.currentNode;
          if (textContent.trim() === "" || element.closest(".sr-only, noscript") !== null || !element.checkVisibility())
            continue;
          const zoom = element.currentCSSZoom ?? 1;
          const size = Number.parseFloat(getComputedStyle(element).fontSize) * zoom;
          if (size < 17.95) found.add(`${element.tagName} ${element.getAttribute("class")} ${size} "${textContent}"`);
        }
        return [...found];
      });
      assert.deepEqual(small, [], view);
    }
  });

  test("the guide", { timeout }, async () => {
    await tab.page.goto(new URL("/guide/", world.origin).href);
    await look("guide", true);
  });

  test("two views differ, or no view would ever differ from its reference", { timeout }, async () => {
    for (const { width } of sizes) {
      const [join, poll, lids] = ["join", "poll", "lids"].map((view) => seen.get(`board-${view}-${width}`));
      assert.ok((await difference(tab.page, join, poll)) > 0.05, `at ${width}`);
      assert.ok((await difference(tab.page, poll, lids)) > 0.05, `at ${width}`);
    }
  });
});
