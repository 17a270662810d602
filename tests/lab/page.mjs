// How fast the lab is in its page, drawing included: a room of 20 tabs under load with faults, run as fast as it goes
// until more than an hour has passed, and then wound to twelve places of it.
//
//   cargo xtask build && ROUNDTABLE_RENDEZVOUS=target/debug/roundtable-rendezvous node tests/lab/page.mjs
//
// Prints both and fails if the bars do not hold. `speed.mjs` has more of it, without a page.

import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { browserArguments, World } from "../browser/harness.mjs";

const FOLDER = new URL("../../www/site/pkg/", import.meta.url);
const TIMES_MIN = 20;
const SCRUB_MS_MAX = 300;
const HOUR_MS = 3_600_000;
/** At the bar it takes three minutes. */
const WAIT_MS = 240_000;
const NODES = 20;
const PLACES = 12;

/** The link to such a room after six minutes: two of them with a fault each, and then another four. */
async function story() {
  const { Lab, initSync } = await import(new URL("roundtable_lab.js", FOLDER).href);
  initSync({ module: new WebAssembly.Module(readFileSync(new URL("roundtable_lab_bg.wasm", FOLDER))) });
  const name = (index) => `n${index % NODES}`;
  const nodes = Array.from({ length: NODES }, (_, i) => ({ name: name(i), device: `d${i}`, capacity: 128 }));
  const lab = new Lab(JSON.stringify({ version: 1, seed: 7, n: 3, nodes }));
  const act = (step) => lab.act(JSON.stringify(step));
  lab.run_until("settled", 60_000);
  act({ load: { every: 250, keys: 100 } });
  act({ network: { lost: 1, late: 5 } });
  for (let minute = 0; minute < 6; minute++) {
    const pair = [name(minute), name(minute + 5)];
    act(minute % 2 === 0 ? { crash: name(minute) } : { cut: pair });
    lab.run(60_000, Number.POSITIVE_INFINITY);
    act(minute % 2 === 0 ? { open: name(minute) } : { mend: pair });
  }
  return lab.link();
}

const world = await World.open();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: browserArguments,
});
try {
  const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
  await page.goto(`${world.origin}/lab/#${await story()}`);
  const end = async () => Number(await page.getByTestId("scrub").getAttribute("max"));
  await page.getByTestId("run").waitFor();
  while ((await end()) === 0) await page.waitForTimeout(50);
  await page.getByTestId("speed").selectOption("100");
  const [from, began] = [await end(), Date.now()];
  await page.getByTestId("run").click();
  while ((await end()) < from + HOUR_MS && Date.now() < began + WAIT_MS) await page.waitForTimeout(100);
  const times = ((await end()) - from) / (Date.now() - began);
  await page.getByTestId("run").click();
  const scrubs = await page.evaluate(
    async ([max, places]) => {
      const bar = document.querySelector("[data-testid=scrub]");
      const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      const took = [];
      for (let place = 0; place < places; place++) {
        await drawn();
        const began = performance.now();
        bar.value = String(Math.round((max * ((place * 7) % places)) / places));
        bar.dispatchEvent(new Event("input", { bubbles: true }));
        await drawn();
        took.push(performance.now() - began);
      }
      return took.toSorted((a, b) => a - b);
    },
    [await end(), PLACES],
  );
  const [median, longest] = [scrubs[PLACES / 2], scrubs[PLACES - 1]];
  console.log(`${NODES} nodes under load with faults, in the page, ${((await end()) / 60_000).toFixed(0)} minutes`);
  console.log(`speed     ${times.toFixed(0)} x real time; at least ${TIMES_MIN}`);
  console.log(
    `scrub     ${median.toFixed(0)} ms until it is drawn (the longest ${longest.toFixed(0)} ms); at most ${SCRUB_MS_MAX}`,
  );
  process.exitCode = times >= TIMES_MIN && longest <= SCRUB_MS_MAX ? 0 : 1;
} finally {
  await browser.close();
  await world.close();
}
