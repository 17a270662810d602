// Whoever looks at the lab, however they look: axe finds nothing on any view, in any preference, and nothing overflows.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { openLab } from "./lab.mjs";

const timeout = 300_000;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const panels = ["act", "key", "nodes", "time", "log", "figures"];
const preferences = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  "forced colours": { forcedColors: "active" },
  "reduced motion": { reducedMotion: "reduce" },
};

/** What axe complains of, a line each. */
async function complaints(page) {
  // By DevTools: the page's policy lets no page run text.
  if (!(await page.page.evaluate(() => "axe" in globalThis))) await page.page.evaluate(axe);
  const { violations } = await page.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** Something of everything on the table: a write under way, somebody closed, messages in flight. */
async function busy(page) {
  await page.settle();
  await page.seat("Mole").click();
  await page.by("kill").click();
  await page.by("tab-key").click();
  await page.by("ask-put").click();
  await page.by("until-message").click();
  await page.until("a message", async () => /message arrived/.test(await page.by("goal-words").textContent()));
}

describe("the lab, however it is looked at", { timeout: 1_500_000 }, () => {
  const lab = openLab();

  for (const [name, options] of Object.entries(preferences)) {
    test(`has no fault that axe knows of in ${name}`, { timeout }, async () => {
      const page = await lab.page(options);
      await busy(page);
      const found = {};
      for (const panel of panels) {
        await page.by(`tab-${panel}`).click();
        found[panel] = await complaints(page);
      }
      for (const sheet of ["help", "lessons", "room"]) {
        await page.by(`open-${sheet}`).click();
        found[sheet] = await complaints(page);
        await page.page.keyboard.press("Escape");
      }
      const lesson = await lab.page({ ...options, path: "/lab/#lesson=two-carts" });
      found.lesson = await complaints(lesson);
      for (let i = 0; i < 3; i++) {
        await lesson.by("lesson-go").click();
        await lesson.by("lesson-finish").click();
        found[`a lesson's step ${i + 1}`] = await complaints(lesson);
        await lesson.by("lesson-next").click();
      }
      found["a prediction"] = await complaints(lesson);
      await lesson.by("lesson-ask").locator("input").first().check();
      await lesson.by("lesson-go").click();
      await lesson.by("lesson-finish").click();
      await lesson.by("lesson-reveal").waitFor();
      found["a reveal"] = await complaints(lesson);
      const broken = await lab.page({ ...options, path: "/lab/#1.mangled" });
      found["a mangled link"] = await complaints(broken);
      assert.deepEqual(
        Object.entries(found).filter(([, list]) => list.length > 0),
        [],
      );
    });
  }

  test("has none where there is no simulator", { timeout }, async () => {
    const page = await lab.page({ ready: "closed", init: () => delete globalThis.WebAssembly });
    assert.deepEqual(await complaints(page), []);
  });

  for (const [width, height] of [
    [1920, 1080],
    [1366, 768],
    [360, 800],
  ]) {
    test(`fits ${width} by ${height}: nothing overflows, the ring and the time bar are in sight`, {
      timeout,
    }, async () => {
      const page = await lab.page({ viewport: { width, height } });
      for (const id of ["stage", "transport", "run"]) {
        const box = await page.by(id).boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= width + 1, `${id} is as wide as the page at most`);
        assert.ok(box.y >= 0 && box.y < height, `${id} is in sight`);
      }
      await busy(page);
      for (const panel of panels) {
        await page.by(`tab-${panel}`).click();
        const wide = await page.page.evaluate(() => {
          const inside = (element) =>
            element.closest(".table-scroll, .until, .walk-strip, .log, .sr-only, svg") !== null;
          return [...document.querySelectorAll("main *, header *, .transport *")]
            .filter((element) => element.getClientRects().length > 0 && !inside(element))
            .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
            .map((element) => element.outerHTML.slice(0, 120));
        });
        assert.deepEqual(wide, [], panel);
        if (width < 1000) continue;
        const small = await page.page.evaluate(
          (least) => {
            const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = new Set();
            for (let text = words.nextNode(); text !== null; text = words.nextNode()) {
              const element = text.parentElement;
              if (text.data.trim() === "" || element.closest("svg, .sr-only, script, noscript, .badge-dot") !== null)
                continue;
              if (element.getClientRects().length === 0) continue;
              const size = Number.parseFloat(getComputedStyle(element).fontSize);
              if (size < least) found.add(`${size}px ${element.outerHTML.slice(0, 80)}`);
            }
            return [...found];
          },
          width >= 1600 ? 17.5 : 12,
        );
        assert.deepEqual(small, [], `${panel}: text that the last row can read`);
      }
    });
  }
});
