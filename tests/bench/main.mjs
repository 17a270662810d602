// `npm run bench`: what the browser peer costs, each figure beside its bar and, in the same run, beside its floor.
//
//   npm run bench -- [--json] [--runs N] [--only WORD]
//
// Every row is a file of `rows`; it opens what tabs it needs and closes them. The exit code is 1 if a row misses.
import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { World } from "../browser/harness.mjs";
import { bare } from "./bare.mjs";
import { judged, table } from "./judge.mjs";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean" }, runs: { type: "string" }, only: { type: "string" } },
});
const folder = new URL("rows/", import.meta.url);
const rows = [];
for (const file of (await readdir(folder)).sort()) {
  if (flags.only === undefined || file.includes(flags.only)) rows.push((await import(new URL(file, folder))).default);
}
if (rows.length === 0) throw new Error(`no row's file has "${flags.only}" in its name`);

const judgements = [];
const world = await World.open();
try {
  const profile = async (name) => {
    const opened = await world.profile(name);
    await opened.context.addInitScript(bare);
    return opened;
  };
  const stage = { world, near: await profile("near"), far: await profile("far") };
  for (const row of rows) {
    const runs = [];
    for (let run = 0; run < Number(flags.runs ?? row.times); run++) {
      console.error(`${row.name}, run ${run + 1}`);
      runs.push(...(await row.measure(stage)));
      await world.clear();
    }
    const judgement = judged(row, runs);
    judgements.push(judgement);
    console.error(table([judgement]));
  }
} finally {
  await world.close();
}
console.log(flags.json ? JSON.stringify(judgements) : table(judgements));
process.exitCode = judgements.every((judgement) => judgement.holds) ? 0 : 1;
