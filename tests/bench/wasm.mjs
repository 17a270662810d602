// Replicated puts a second in wasm, of what the same cost natively, in the same run: ten nodes in one process with
// nothing between them, N = 3, W = 2, values of a hundred bytes, ten thousand keys.
//
//   node tests/bench/wasm.mjs FOLDER BINARY [--json] [--runs N]
//
// FOLDER holds the bindings of roundtable-lab, BINARY is a release build of roundtable-sim; `npm test -- traces` leaves
// both behind, as `.cache/lab` and `target/release/roundtable-sim`. The two take turns, and each run counts by its
// quickest turn of a thousand puts, as natively. The exit code is 1 if the bar is missed.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { judged, table } from "./judge.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, runs: { type: "string" } },
});
const [folder, binary] = positionals;
if (binary === undefined) throw new Error("usage: node tests/bench/wasm.mjs FOLDER BINARY [--json] [--runs N]");

const nodes = 10;
const keys = 10_000;
const turns = 20;
const requests = 1_000;

/** The quickest of the native turns; the command fails where a bar of its own is missed, and prints all the same. */
function natively() {
  let output;
  try {
    output = execFileSync(binary, ["measure", "throughput", "--quick", "--json"], { encoding: "utf8" });
  } catch (error) {
    output = error.stdout;
  }
  const [{ figures }] = JSON.parse(output).measured;
  const isOurs = ({ what, setting }) => what === "puts" && setting.includes(` ${keys} keys`);
  return figures.find(isOurs).value;
}

const lab = await import(pathToFileURL(resolve(folder, "roundtable_lab.js")).href);
lab.initSync({ module: new WebAssembly.Module(readFileSync(resolve(folder, "roundtable_lab_bg.wasm"))) });

function inWasm() {
  const throughput = new lab.Throughput(nodes, keys);
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < turns; turn++) {
    throughput.prepare(requests);
    const began = performance.now();
    throughput.make();
    least = Math.min(least, performance.now() - began);
  }
  throughput.free();
  return (1_000 * requests) / least;
}

const runs = [];
for (let run = 0; run < Number(flags.runs ?? 3); run++) runs.push({ ours: inWasm(), floor: natively() });
const row = { name: "replicated puts in wasm, of native", unit: "a second", ofFloor: true, bar: { atLeast: 0.5 } };
const judgement = judged(row, runs);
console.log(flags.json ? JSON.stringify([judgement]) : table([judgement]));
process.exitCode = judgement.holds ? 0 : 1;
