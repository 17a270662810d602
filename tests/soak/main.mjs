// `npm run soak -- [--faults N] [--seed S]`: random faults in real tabs under continuous writes. What is done is told on
// standard error; the last line of standard output is the summary as JSON, and the exit code is 1 if anything is wrong.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { soak } from "./run.mjs";

const { values: flags } = parseArgs({ options: { faults: { type: "string" }, seed: { type: "string" } } });
const whole = (name, text, fallback) => {
  const number = text === undefined ? fallback : Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} must be a whole number, not "${text}"`);
  return number;
};
const seed = whole("seed", flags.seed, randomInt(2 ** 31));
const faultCount = whole("faults", flags.faults, 200);
console.error(`seed ${seed}, ${faultCount} faults`);
const summary = await soak({ faultCount, seed, log: (line) => console.error(line) });
for (const failure of summary.failures) console.error(`FAILURE ${failure}`);
if (summary.failures.length > 0) console.error(`again: npm run soak -- --faults ${faultCount} --seed ${seed}`);
console.log(JSON.stringify({ ...summary, failures: summary.failures.length }));
process.exitCode = summary.failures.length > 0 ? 1 : 0;
