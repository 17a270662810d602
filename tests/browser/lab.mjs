// What the tests of the lab share: the built site behind the real server, one browser, pages with any preference, and
// three hands (mouse, keyboard, touch) that press the same controls.
//
// The lab has no mesh, so there are no tabs here that are nodes: each page is a room of its own.
import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { chromium } from "playwright-core";
import { browserArguments, World, within } from "./harness.mjs";

const waitMs = 30_000; // other work may have the machine

/** Call it in a `describe`: a server and a browser before the tests, all pages closed and free of errors after each. */
export function openLab() {
  const lab = {
    errors: [],
    contexts: [],
    /** A page at the lab, in a context of its own unless one is given. */
    page: async ({ path = "/lab/", origin = lab.world.origin, ready = "lab", init, prepare, ...options } = {}) => {
      const context = await lab.browser.newContext({ viewport: { width: 1366, height: 768 }, ...options });
      lab.contexts.push(context);
      context.setDefaultTimeout(waitMs);
      if (init !== undefined) await context.addInitScript(init);
      await prepare?.(context);
      return lab.open(context, `${origin}${path}`, ready);
    },
    open: async (context, url, ready = "lab") => {
      const page = await context.newPage();
      page.on("pageerror", (error) => lab.errors.push(`uncaught ${error.stack ?? error}`));
      page.on("console", (message) => {
        if (message.type() === "error") lab.errors.push(`console: ${message.text()} (${message.location().url})`);
      });
      await page.goto(url);
      await page.getByTestId(ready).waitFor();
      return new LabPage(page);
    },
  };
  before(async () => {
    lab.world = await World.open();
    lab.browser = await within(
      waitMs,
      "the browser starts",
      chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: browserArguments }),
    );
  });
  afterEach(async () => {
    const [errors, contexts] = [lab.errors.splice(0), lab.contexts.splice(0)];
    await Promise.allSettled(contexts.map((context) => context.close()));
    assert.deepEqual(errors, [], "no page reports an error");
  });
  after(async () => {
    await lab.browser?.close();
    await lab.world?.close();
  });
  return lab;
}

export class LabPage {
  constructor(page) {
    this.page = page;
  }

  by(id) {
    return this.page.getByTestId(id);
  }

  seat(name) {
    return this.page.locator(`[data-testid="seat"][data-name="${name}"]`);
  }

  trace() {
    return this.by("trace").textContent();
  }

  /** The lab's time in milliseconds, while it is below a minute. */
  async now() {
    return Math.round(1000 * Number.parseFloat(await this.by("clock").textContent()));
  }

  async until(what, probe) {
    const deadline = Date.now() + waitMs;
    let last;
    while (Date.now() < deadline) {
      last = await probe();
      if (last) return last;
      await this.page.waitForTimeout(50);
    }
    throw new Error(`${what}: not within ${waitMs} ms; last seen ${JSON.stringify(last)}`);
  }

  /** Runs until all have settled, fast, and then as slowly as before. */
  async settle() {
    const speed = await this.by("speed").inputValue();
    await this.by("speed").selectOption("50");
    await this.by("until-settled").click();
    await this.until("all settled", async () => /all settled\.$/.test(await this.by("goal-words").textContent()));
    await this.by("speed").selectOption(speed);
  }

  /** What the page said had gone wrong. */
  troubles() {
    return this.by("trouble").allTextContents();
  }
}

/** The ways to press a control; each asks the browser for what a person would do. */
export const hands = {
  mouse: { options: {}, press: (locator) => locator.click() },
  keyboard: {
    options: {},
    press: async (locator) => {
      await locator.focus();
      const isFocused = await locator.evaluate((element) => element === document.activeElement);
      assert.ok(isFocused, `${locator} takes the focus`);
      const isBox = await locator.evaluate((element) => element.matches("input[type=checkbox], input[type=radio]"));
      await locator.press(isBox ? "Space" : "Enter");
    },
  },
  touch: { options: { hasTouch: true }, press: (locator) => locator.tap() },
};
