// axe-core in a page under its real policy: in light, dark, forced colours and reduced motion, every violation as a
// sentence that names the rule and the places.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What a visitor's system may ask of every page. */
export const looks = {
  light: { colorScheme: "light", forcedColors: "none", reducedMotion: "no-preference" },
  dark: { colorScheme: "dark", forcedColors: "none", reducedMotion: "no-preference" },
  "forced colours": { colorScheme: "dark", forcedColors: "active", reducedMotion: "no-preference" },
  "reduced motion": { colorScheme: "light", forcedColors: "none", reducedMotion: "reduce" },
};
export const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds in the page as it stands. Contrast is not asked after where the system chooses the colours. */
export async function violations(page, { within = undefined, forced = false } = {}) {
  if (!(await page.evaluate(() => "axe" in window))) {
    // Through the debugger, not as an element: the page's policy allows no script of ours.
    await page.evaluate(`${await source()}; undefined`);
  }
  const found = await page.evaluate(
    async ([within, rules, forced]) => {
      // What still fades in has not yet the colours that it will have.
      const fades = document.getAnimations().filter((each) => each.effect?.getComputedTiming().endTime !== Infinity);
      await Promise.allSettled(fades.map((each) => each.finished));
      const { violations } = await window.axe.run(within ?? document, {
        runOnly: { type: "tag", values: rules },
        rules: { "color-contrast": { enabled: !forced } },
        resultTypes: ["violations"],
      });
      return violations.map(({ id, help, nodes }) => ({
        id,
        help,
        places: nodes.map(({ target, any }) => `${target.join(" ")} ${any[0]?.message ?? ""}`),
      }));
    },
    [within, rules, forced],
  );
  return found.map(({ id, help, places }) => `${id}: ${help}: ${places.slice(0, 6).join("; ")}`);
}

/** In none of the looks does axe find anything wrong. `what` names the view in the message. */
export async function assertAccessible(page, what, options = {}) {
  try {
    for (const [name, look] of Object.entries(looks)) {
      await page.emulateMedia(look);
      // Colours that change with the look are not seen half-way.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 250)));
      const found = await violations(page, { ...options, forced: look.forcedColors === "active" });
      assert.deepEqual(found, [], `${what}, ${name}`);
    }
  } finally {
    await page.emulateMedia({ colorScheme: null, forcedColors: null, reducedMotion: null });
  }
}

let text;
async function source() {
  text ??= await readFile(axe, "utf8");
  return text;
}
