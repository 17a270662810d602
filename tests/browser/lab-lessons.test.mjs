// Lessons in the page: each from its link to its end with the trace that its file names, which the native tests check;
// a prediction before anything is shown; the state of a step in the link.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { hands, openLab } from "./lab.mjs";

const timeout = 300_000;
const folder = new URL("../lessons/", import.meta.url);
const lessons = [];
for (const file of (await readdir(folder)).sort())
  lessons.push(JSON.parse(await readFile(new URL(file, folder), "utf8")));

/** Chooses if a prediction is asked for, and says what came of it. */
async function predict(page, step) {
  if (step.ask === undefined) return;
  assert.equal(await page.by("lesson-go").isDisabled(), true, "nothing is shown before the prediction");
  assert.equal(await page.by("lesson-reveal").count(), 0);
  await page.by("lesson-ask").locator("input").nth(step.ask.answer).check();
}

describe("the lab's lessons", { timeout: 1_500_000 }, () => {
  const lab = openLab();

  test("are at least ten, each with a link of its own", { timeout }, async () => {
    const page = await lab.page();
    await page.by("open-lessons").click();
    const links = await page.by("lesson-link").all();
    assert.equal(links.length, lessons.length);
    assert.ok(links.length >= 10, `${links.length} lessons`);
    for (const link of links) {
      const id = await link.getAttribute("data-id");
      assert.equal(new URL(await link.getAttribute("href")).hash, `#lesson=${id}`);
    }
    await links[0].click();
    await page.by("lesson").waitFor();
    await page.by("lesson-close").click();
    await page.by("lesson").waitFor({ state: "detached" });
  });

  for (const lesson of lessons) {
    test(`"${lesson.title}" ends in the page as it does natively`, { timeout }, async () => {
      const page = await lab.page({ path: `/lab/#lesson=${lesson.id}` });
      for (const [index, step] of lesson.steps.entries()) {
        assert.equal(await page.by("lesson-say").textContent(), step.say);
        await predict(page, step);
        if ((await page.by("lesson").getAttribute("data-phase")) === "say") {
          await page.by("lesson-go").click();
          if ((await page.by("lesson-finish").count()) > 0) {
            await page
              .by("lesson-finish")
              .click({ timeout: 2000 })
              .catch(() => {}); // it may be over by itself
          }
          await page.until(
            "the step is done",
            async () => (await page.by("lesson").getAttribute("data-phase")) === "done",
          );
        }
        if (step.ask !== undefined) assert.equal(await page.by("lesson-reveal").textContent(), step.ask.reveal);
        if (index + 1 < lesson.steps.length) await page.by("lesson-next").click();
      }
      assert.equal(await page.trace(), lesson.trace);
      assert.equal(await page.by("lesson-trace").getAttribute("data-same"), "true");
      assert.deepEqual(await page.troubles(), []);
    });
  }

  for (const [name, hand] of Object.entries(hands)) {
    test(`is watched, left and gone back in by ${name}, and ends alike`, { timeout }, async () => {
      const lesson = lessons.find(({ id }) => id === "a-delete-is-a-write") ?? lessons[0];
      const page = await lab.page({ ...hand.options, path: `/lab/#lesson=${lesson.id}` });
      const press = (id) => hand.press(page.by(id));
      for (const [index, step] of lesson.steps.entries()) {
        if (step.ask !== undefined) await hand.press(page.by("lesson-ask").locator("input").nth(step.ask.answer));
        if ((await page.by("lesson").getAttribute("data-phase")) === "say") {
          await press("lesson-go");
          await page.by("speed").selectOption("100");
          await page.until(
            "the step is done",
            async () => (await page.by("lesson").getAttribute("data-phase")) === "done",
          );
        }
        if (index === 1) {
          await press("lesson-back");
          assert.match(await page.by("lesson-step").textContent(), /^1 of/);
          const phase = () => page.by("lesson").getAttribute("data-phase");
          if ((await phase()) === "say") await press("lesson-go");
          await page.until("the step is done", async () => (await phase()) === "done");
          await press("lesson-next");
          if (step.ask !== undefined) await hand.press(page.by("lesson-ask").locator("input").nth(step.ask.answer));
          if ((await phase()) === "say") await press("lesson-go");
          await page.by("speed").selectOption("100");
          await page.until("the step is done", async () => (await phase()) === "done");
        }
        if (index + 1 < lesson.steps.length) await press("lesson-next");
      }
      assert.equal(await page.trace(), lesson.trace, "watched or leapt over: the same run");
      assert.deepEqual(await page.troubles(), []);
    });
  }

  /** A write of the reader's own, on a key of the lesson's bucket that the lesson does not touch. */
  async function writeTea(page) {
    await page.by("tab-key").click();
    await page.by("ask-key").fill("my-own");
    await page.by("ask-value").fill("tea");
    await page.by("ask-put").click();
  }
  const phaseOf = (page) => page.by("lesson").getAttribute("data-phase");
  const done = (page) => page.until("the step is done", async () => (await phaseOf(page)) === "done");
  const own = (page) => page.by("request").filter({ hasText: "my-own" });
  async function skip(page) {
    await page.by("lesson-go").click();
    await page.by("lesson-finish").click();
    await done(page);
  }

  test("going back keeps what the reader had done before that step, and nothing since", { timeout }, async () => {
    const page = await lab.page({ path: "/lab/#lesson=a-hint-goes-home" });
    await skip(page);
    await writeTea(page);
    await page.by("lesson-next").click();
    const began = [await page.now(), await page.trace()];
    await skip(page);
    await page.by("lesson-next").click();
    await page.by("lesson-back").click();
    assert.match(await page.by("lesson-step").textContent(), /^2 of/);
    assert.deepEqual([await page.now(), await page.trace()], began, "to the moment at which that step began");
    await page.by("tab-key").click();
    assert.equal(await own(page).count(), 1, "the write of the step before is still there");
    await skip(page);
    await page.by("tab-key").click();
    assert.equal(await own(page).getAttribute("data-met"), "true", "and is answered in this step's time");
    await page.by("lesson-back").click();
    await page.by("tab-key").click();
    assert.equal(await own(page).count(), 0, "what came after the first step's beginning never was");
    assert.deepEqual(await page.troubles(), []);
  });

  test("skipping to a step's end keeps what the reader did meanwhile", { timeout }, async () => {
    const page = await lab.page({ path: "/lab/#lesson=a-hint-goes-home" });
    await skip(page);
    await page.by("lesson-next").click();
    await page.by("speed").selectOption("0.02");
    await page.by("lesson-go").click();
    await page.by("lesson-pause").click();
    await writeTea(page);
    await page.by("lesson-finish").click();
    await done(page);
    await page.by("tab-key").click();
    assert.equal(await own(page).count(), 1);
    await page.by("tab-log").click();
    const acts = page.page.locator('[data-testid="log-entry"][data-kind="act"]');
    await page.until("both acts are in the log", async () => (await acts.count()) >= 2);
    assert.equal(await acts.filter({ hasText: "crash" }).count(), 1, "and the lesson's own act is done once");
    assert.deepEqual(await page.troubles(), []);
  });

  test("a presenter's remote turns the pages", { timeout }, async () => {
    const page = await lab.page({ path: `/lab/#lesson=${lessons[0].id}` });
    const step = () => page.by("lesson-step").textContent();
    await page.page.evaluate(() => document.activeElement?.blur());
    for (let i = 0; i < 400 && !(await step()).startsWith("2 of"); i++) {
      if ((await page.by("lesson-ask").count()) > 0) await page.by("lesson-ask").locator("input").first().check();
      await page.page.evaluate(() => document.activeElement?.blur());
      await page.by("speed").selectOption("100");
      await page.page.keyboard.press("PageDown");
      await page.page.waitForTimeout(100);
    }
    assert.match(await step(), /^2 of/);
    await page.page.keyboard.press("PageUp");
    await page.until("back at the first", async () => (await step()).startsWith("1 of"));
  });

  test("a step's link opens at that step with an equal trace in another browser's page", { timeout }, async () => {
    const lesson = lessons.find(({ id }) => id === "two-carts") ?? lessons[0];
    const page = await lab.page({ path: `/lab/#lesson=${lesson.id}` });
    for (let i = 0; i < 2; i++) {
      await predict(page, lesson.steps[i]);
      await page.by("lesson-go").click();
      await page.by("speed").selectOption("100");
      await page.until("the step is done", async () => (await page.by("lesson").getAttribute("data-phase")) === "done");
      await page.by("lesson-next").click();
    }
    await page.page.waitForTimeout(800);
    const other = await lab.page({ path: `/lab/${new URL(page.page.url()).hash}` });
    assert.equal(await other.trace(), await page.trace());
    assert.equal(await other.by("lesson-say").textContent(), lesson.steps[2].say);
    assert.match(await other.by("lesson-step").textContent(), /^3 of/);
    await page.page.waitForTimeout(100);
  });

  test("a lesson that there is not is said, with those there are", { timeout }, async () => {
    const page = await lab.page({ path: "/lab/#lesson=no-such-lesson" });
    assert.match((await page.troubles())[0], /no-such-lesson.*two-carts/);
    assert.equal(await page.by("seat").count(), 5);
  });
});
