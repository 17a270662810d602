// How fast the lab is as a page has it: its wasm under Node, without a page's drawing.
//
//   cargo xtask build && node tests/lab/speed.mjs [MINUTES] [NODES] [CAPACITY]
//
// A room of 20 tabs under load, with a crash or a cut each minute and frames that get lost, for so many minutes of
// simulated time (60). Prints how fast that is, and what scrubbing in it takes, in the process's own time, and fails if
// the bars do not hold.

import { readFileSync } from "node:fs";

const FOLDER = new URL("../../www/site/pkg/", import.meta.url);
/** So many times as fast as real time it must be. */
const TIMES_MIN = 20;
/** So long a scrub may take. */
const SCRUB_MS_MAX = 300;
const SCRUBS = 24;

const [minutes = 60, nodes = 20, capacity = 128] = process.argv.slice(2).map(Number);
const { Lab, initSync } = await import(process.env.LAB_FOLDER ?? new URL("roundtable_lab.js", FOLDER).href);
const wasm = process.env.LAB_FOLDER?.replace(/\.js$/, "_bg.wasm").replace("file://", "");
const { memory } = initSync({
  module: new WebAssembly.Module(readFileSync(wasm ?? new URL("roundtable_lab_bg.wasm", FOLDER))),
});

/** Milliseconds of this process's own time: other programs of a busy machine are not counted. */
const took = (work) => {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
};
const name = (index) => `n${index % nodes}`;
const device = (index) => `d${index}`;
const members = Array.from({ length: nodes }, (_, index) => ({ name: name(index), device: device(index), capacity }));
const lab = new Lab(JSON.stringify({ version: 1, seed: 7, n: 3, nodes: members }));
const act = (step) => lab.act(JSON.stringify(step));

lab.run_until("settled", 60_000);
act({ load: { every: 250, keys: 100 } });
act({ network: { lost: 1, late: 5 } });
const times = [];
for (let minute = 0; minute < minutes; minute++) {
  const fault = minute % 2 === 0 ? { crash: name(minute) } : { cut: [name(minute), name(minute + 5)] };
  act(fault);
  times.push(60_000 / took(() => lab.run(60_000, Number.POSITIVE_INFINITY)));
  act(minute % 2 === 0 ? { open: name(minute) } : { mend: fault.cut });
  const { violation } = JSON.parse(lab.state("{}"));
  if (violation) throw new Error(JSON.stringify(violation));
}
const end = lab.end();
const scrubs = [];
for (let index = 0; index < SCRUBS; index++) {
  // Spread over the hour, in no order.
  const to = (end * ((index * 7) % SCRUBS)) / SCRUBS;
  scrubs.push(took(() => lab.seek(to)));
}
// As a slider is dragged: a little further back each time.
const drags = [];
for (let index = 0; index < SCRUBS; index++) {
  const to = lab.now() - 500;
  drags.push(took(() => lab.seek(to)));
}
const back = took(() => {
  lab.seek(end);
  lab.seek(end - 3_600_000 > 0 ? end - 3_600_000 : 1_000);
});
lab.seek(end);

const sorted = (figures) => figures.toSorted((a, b) => a - b);
const middle = (figures) => sorted(figures)[Math.floor(figures.length / 2)];
const [slowest, usual] = [Math.min(...times), middle(times)];
const [longest, median] = [Math.max(...scrubs), middle(scrubs)];
console.log(`${nodes} nodes of ${capacity} points, ${minutes} minutes under load with faults`);
console.log(
  `speed     ${usual.toFixed(0)} x real time (the slowest minute ${slowest.toFixed(0)} x); at least ${TIMES_MIN}`,
);
console.log(`scrub     ${median.toFixed(0)} ms (the longest ${longest.toFixed(0)} ms); at most ${SCRUB_MS_MAX}`);
console.log(`dragged   ${middle(drags).toFixed(0)} ms (the longest ${Math.max(...drags).toFixed(0)} ms)`);
console.log(`there and back over all of it ${back.toFixed(0)} ms`);
console.log(`state     ${took(() => lab.state("{}")).toFixed(1)} ms, ${lab.state("{}").length} bytes`);
console.log(`link      ${took(() => lab.link()).toFixed(1)} ms, ${lab.link().length} bytes`);
console.log(`fork      ${took(() => lab.fork().free()).toFixed(1)} ms`);
console.log(`memory    ${(memory.buffer.byteLength / 1e6).toFixed(0)} MB`);
process.exitCode = usual >= TIMES_MIN && Math.max(longest, middle(drags)) <= SCRUB_MS_MAX ? 0 : 1;
