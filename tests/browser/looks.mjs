// How a page looks, small enough to keep and tolerant enough to compare on another machine.
//
// A picture is the page at an eighth of its size, each pixel the mean of a block of 8 × 8: what a reader sees with eyes
// half closed. Moved, missing, covered or miscoloured parts are seen; how a machine smooths its letters is not. Letters
// come in one font, which the tests bring with them, so that lines break alike everywhere; what is drawn by chance
// (ids, names) comes from a seed; what tells the time or counts bytes is masked.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("looks/", import.meta.url));
const seenFolder = fileURLToPath(new URL("../../.cache/looks/", import.meta.url));
const font = createRequire(import.meta.url).resolve("@fontsource-variable/inter/files/inter-latin-wght-normal.woff2");
/** Whether the references are written anew instead of compared with. */
const isRewriting = process.env.ROUNDTABLE_LOOKS === "rewrite";

export const sizes = [
  { width: 1920, height: 1080 },
  { width: 1366, height: 768 },
  { width: 360, height: 800 },
];
/** A pixel is another one if a channel differs by more than this, of 255. */
const channelMax = 36;
/** The most of all pixels that may be others. */
const shareMax = 0.003;

/** Pages of this context have one font, and draw their ids from `seed` and from `?tab=` in their address. */
export async function dress(context, seed) {
  await context.route("**/looks.woff2", (route) => route.fulfill({ path: font, contentType: "font/woff2" }));
  await context.route("**/*.css", async (route) => {
    const response = await route.fetch();
    const face = '@font-face{font-family:looks;src:url("/looks.woff2");font-weight:100 900}';
    await route.fulfill({ response, body: `${await response.text()}${face}:root{--sans:looks;--mono:looks}` });
  });
  await context.addInitScript((seed) => {
    let state = (seed + 7919 * Number(new URLSearchParams(location.search).get("tab") ?? 0)) >>> 0;
    crypto.getRandomValues = (array) => {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        bytes[i] = state >>> 24;
      }
      return array;
    };
  }, seed);
}

/** What runs in the page: pictures as PNG files in base64, made small and compared where there is a canvas. */
function helpers() {
  async function pixels(png) {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    return pen.getImageData(0, 0, bitmap.width, bitmap.height);
  }
  window.shrink = async (png) => {
    const large = await pixels(png);
    const small = new ImageData(Math.floor(large.width / 8), Math.floor(large.height / 8));
    for (let y = 0; y < small.height; y++) {
      for (let x = 0; x < small.width; x++) {
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let v = 0; v < 8; v++) {
            let at = 4 * ((8 * y + v) * large.width + 8 * x) + c;
            for (let u = 0; u < 8; u++, at += 4) sum += large.data[at];
          }
          // In steps of 8, so that the file is small.
          small.data[4 * (y * small.width + x) + c] = Math.min(255, 8 * Math.round(sum / 512));
        }
        small.data[4 * (y * small.width + x) + 3] = 255;
      }
    }
    const canvas = new OffscreenCanvas(small.width, small.height);
    canvas.getContext("2d").putImageData(small, 0, 0);
    const file = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));
  };
  window.difference = async (one, two, channelMax) => {
    const [a, b] = [await pixels(one), await pixels(two)];
    const [width, height] = [Math.max(a.width, b.width), Math.max(a.height, b.height)];
    let others = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const isInBoth = x < Math.min(a.width, b.width) && y < Math.min(a.height, b.height);
        const [i, j] = [4 * (y * a.width + x), 4 * (y * b.width + x)];
        const differs = (c) => Math.abs(a.data[i + c] - b.data[j + c]) > channelMax;
        if (!isInBoth || differs(0) || differs(1) || differs(2)) others++;
      }
    }
    return others / (width * height);
  };
}

/** The page, or all of it below the fold too, at an eighth. */
async function picture(page, { full = false, mask = [] } = {}) {
  await page.evaluate(helpers);
  await page.evaluate(() => document.fonts.ready.then(() => {}));
  const options = { fullPage: full, animations: "disabled", caret: "hide", mask, maskColor: "#8c8c8c" };
  const png = (await page.screenshot(options)).toString("base64");
  return page.evaluate((png) => window.shrink(png), png);
}

/** Which share of two pictures differs. What only one of them has is different. */
export function difference(page, one, two) {
  return page.evaluate(([one, two, max]) => window.difference(one, two, max), [one, two, channelMax]);
}

/** The page looks as its reference `name` does; or the reference is written. Resolves with the picture. */
export async function assertLooks(page, name, options) {
  const seen = await picture(page, options);
  const kept = join(folder, `${name}.png`);
  if (isRewriting) {
    await mkdir(folder, { recursive: true });
    await writeFile(kept, Buffer.from(seen, "base64"));
    return seen;
  }
  const share = await difference(page, seen, (await readFile(kept)).toString("base64"));
  if (share > shareMax) {
    await mkdir(seenFolder, { recursive: true });
    await writeFile(join(seenFolder, `${name}.png`), Buffer.from(seen, "base64"));
    const percent = (100 * share).toFixed(1);
    assert.fail(
      `${name} looks otherwise: ${percent} % of it. See .cache/looks/${name}.png beside tests/browser/looks/${name}.png; ` +
        "if it is meant, `npm run looks` writes the references anew.",
    );
  }
  return seen;
}
