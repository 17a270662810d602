// `npm run soak -- [--faults N] [--seed S]`: random faults in real tabs under continuous writes.
// `npm run soak -- --crowd N [--profiles P] [--seed S]`: many tabs that come at once, and of which a quarter goes.
//
// What is done is told on standard error; the last line of standard output is the summary as JSON, and the exit code is 1
// if anything is wrong.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { crowd } from "./crowd.mjs";
import { soak } from "./run.mjs";

const text = { type: "string" };
const { values: flags } = parseArgs({ options: { faults: text, seed: text, crowd: text, profiles: text } });
const whole = (name, fallback, least = 0) => {
  const number = flags[name] === undefined ? fallback : Number(flags[name]);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new Error(`--${name} must be a whole number of at least ${least}, not "${flags[name]}"`);
  }
  return number;
};
if (flags.crowd !== undefined && flags.faults !== undefined) throw new Error("--crowd and --faults are two soaks");
if (flags.crowd === undefined && flags.profiles !== undefined) throw new Error("--profiles belongs to --crowd");
const seed = whole("seed", randomInt(2 ** 31));
const log = (line) => console.error(line);
const [summary, again] =
  flags.crowd === undefined
    ? await runFaults(whole("faults", 200))
    : await runCrowd(whole("crowd", 24, 4), whole("profiles", 6, 1));
for (const failure of summary.failures) log(`FAILURE ${failure}`);
if (summary.failures.length > 0) log(`again: npm run soak -- ${again} --seed ${seed}`);
console.log(JSON.stringify({ ...summary, failures: summary.failures.length }));
process.exitCode = summary.failures.length > 0 ? 1 : 0;

async function runFaults(faultCount) {
  log(`seed ${seed}, ${faultCount} faults`);
  return [await soak({ faultCount, seed, log }), `--faults ${faultCount}`];
}

async function runCrowd(tabs, profiles) {
  log(`seed ${seed}, ${tabs} tabs on ${profiles} profiles`);
  return [await crowd({ tabs, profiles, seed, log }), `--crowd ${tabs} --profiles ${profiles}`];
}
