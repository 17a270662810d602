// The simulator in wasm, under Node: what `roundtable-sim traces` and `replay --trace` print natively.
//
//   node tests/traces/wasm.mjs FOLDER traces FROM..TO MIN..MAX      a line for each seed: its number and its hash
//   node tests/traces/wasm.mjs FOLDER replay SEED MIN..MAX          a line for each output of each node
//
// FOLDER holds the bindings of roundtable-lab as a page loads them.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, what, seeds, nodes] = process.argv.slice(2);
const [from, to] = seeds.split("..").map(BigInt);
const [min, max] = nodes.split("..").map(Number);

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

let lab = await instance();
if (what === "replay") {
  process.stdout.write(lab.replay(from, min, max));
} else {
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
