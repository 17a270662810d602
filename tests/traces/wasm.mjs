// The simulator in wasm, under Node: what `roundtable-sim traces` and `replay --trace` print natively.
//
//   node tests/traces/wasm.mjs FOLDER traces FROM..TO MIN..MAX      a line for each seed: its number and its hash
//   node tests/traces/wasm.mjs FOLDER replay SEED MIN..MAX          a line for each output of each node
//   node tests/traces/wasm.mjs FOLDER lessons LESSONS               a line for each lesson in that folder, as a page plays it
//
// FOLDER holds the bindings of roundtable-lab as a page loads them.

import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, what, seeds, nodes] = process.argv.slice(2);
/** How long what a lesson waits for may take. */
const UNTIL_MS = 120_000;

const module = new WebAssembly.Module(readFileSync(resolve(folder, "roundtable_lab_bg.wasm")));
const bindings = pathToFileURL(resolve(folder, "roundtable_lab.js"));
let instances = 0;
/** A new instance: one that has panicked is not to be used again. */
const instance = async () => {
  bindings.search = String(instances++);
  const lab = await import(bindings.href);
  lab.initSync({ module });
  return lab;
};

/** Every step of a lesson, and nothing else. */
const play = ({ setup, steps }) => {
  const room = new lab.Lab(JSON.stringify(setup));
  for (const { act = [], run, until } of steps) {
    for (const step of act) room.act(JSON.stringify(step));
    if (run !== undefined) room.run(run, Number.POSITIVE_INFINITY);
    if (until !== undefined) room.run_until(JSON.stringify(until), UNTIL_MS);
  }
  // The link leads where it was made, and the way back and forth changes nothing.
  const trace = room.trace();
  const now = room.now();
  room.seek(now / 2);
  room.seek(now);
  const linked = lab.Lab.from_link(room.link());
  if (room.trace() !== trace || linked.trace() !== trace) throw new Error("it does not lead to the same state again");
  return trace;
};

let lab = await instance();
if (what === "lessons") {
  for (const file of readdirSync(seeds).sort()) {
    const lesson = JSON.parse(readFileSync(resolve(seeds, file), "utf8"));
    try {
      console.log(`${lesson.id} ${play(lesson)}`);
    } catch (error) {
      console.error(`${file}: ${error}`);
      process.exitCode = 1;
      lab = await instance();
    }
  }
} else if (what === "replay") {
  const [min, max] = nodes.split("..").map(Number);
  process.stdout.write(lab.replay(BigInt(seeds), min, max));
} else {
  const [from, to] = seeds.split("..").map(BigInt);
  const [min, max] = nodes.split("..").map(Number);
  for (let seed = from; seed < to; seed++) {
    try {
      console.log(`${seed} ${lab.trace(seed, min, max)}`);
    } catch (error) {
      console.error(`seed ${seed}: ${error}`);
      process.exitCode = 1;
      lab = await instance();
    }
  }
}
