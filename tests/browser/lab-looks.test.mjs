// What every view of the lab looks like, and each lesson at the moment that it is about, at three sizes, beside references
// that somebody has looked at. `npm run looks` writes them anew. The lab is drawn from a simulation, so nothing in it is
// left to chance, and nothing is masked.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { openLab } from "./lab.mjs";
import { assertLooks, difference, dress, sizes } from "./looks.mjs";

const timeout = 180_000;
const folder = new URL("../lessons/", import.meta.url);
const lessons = [];
for (const file of (await readdir(folder)).sort())
  lessons.push(JSON.parse(await readFile(new URL(file, folder), "utf8")));
const views = ["act", "key", "nodes", "time", "log", "figures"];

describe("how the lab looks", { timeout: 1_200_000 }, () => {
  const lab = openLab();

  async function open(path) {
    // A worker's answers would not come in the one font.
    const options = { colorScheme: "light", reducedMotion: "reduce", serviceWorkers: "block" };
    return lab.page({ path, prepare: (context) => dress(context, 4), ...options });
  }

  /** The page at three sizes. Resolves with the pictures. */
  async function look(page, name) {
    const [pictures, problems] = [[], []];
    for (const size of sizes) {
      await page.page.setViewportSize(size);
      await page.page.mouse.move(0, 0);
      await page.page.evaluate(() => {
        document.activeElement?.blur();
        scrollTo(0, 0);
      });
      const width = await page.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= size.width, `${name} is ${width} px wide in a window of ${size.width}`);
      await page.page.waitForTimeout(400); // the ring is drawn anew
      try {
        pictures.push(await assertLooks(page.page, `${name}-${size.width}`, { full: size.width < 400 }));
      } catch (error) {
        problems.push(error.message);
      }
    }
    assert.deepEqual(problems, []);
    return pictures;
  }

  test("in every view, and no two alike", { timeout }, async () => {
    const page = await open("/lab/");
    await page.settle();
    const seen = [];
    for (const view of views) {
      await page.by(`tab-${view}`).click();
      seen.push(await look(page, `lab-${view}`));
    }
    await page.by("open-lessons").click();
    seen.push(await look(page, "lab-lessons"));
    for (const [index, pictures] of seen.entries()) {
      for (const [at, picture] of pictures.entries()) {
        const next = seen[(index + 1) % seen.length][at];
        assert.ok((await difference(page.page, picture, next)) > 0.01, `view ${index} at ${sizes[at].width}`);
      }
    }
  });

  for (const lesson of lessons) {
    test(`at the heart of "${lesson.title}"`, { timeout }, async () => {
      const page = await open(`/lab/#lesson=${lesson.id}`);
      const heart = lesson.steps.findIndex((step) => step.ask !== undefined);
      for (let index = 0; index <= heart; index++) {
        if (index === heart) await page.by("lesson-ask").locator("input").nth(lesson.steps[heart].ask.answer).check();
        if ((await page.by("lesson").getAttribute("data-phase")) === "say") {
          await page.by("lesson-go").click();
          await page
            .by("lesson-finish")
            .click({ timeout: 2000 })
            .catch(() => {}); // it may be over by itself
          await page.until("it is done", async () => (await page.by("lesson").getAttribute("data-phase")) === "done");
        }
        if (index < heart) await page.by("lesson-next").click();
      }
      await page.by("lesson-reveal").waitFor();
      await look(page, `lesson-${lesson.id}`);
    });
  }
});
