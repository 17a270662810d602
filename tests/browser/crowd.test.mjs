// A crowd of twelve in every run; that of 24 wants the machine to itself: `npm run soak -- --crowd 24 --profiles 6`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crowd } from "../soak/crowd.mjs";

test("twelve tabs over six profiles agree, read each other's puts, and lose nothing when three of them go", {
  timeout: 240_000,
}, async () => {
  const told = [];
  const summary = await crowd({ tabs: 12, profiles: 6, seed: 1, log: (line) => told.push(line) });
  assert.deepEqual(summary.failures, [], told.join("\n"));
  assert.ok(summary.left <= 9, `${summary.left} are left: that shows nothing`);
  assert.ok(summary.acknowledged > 50, `only ${summary.acknowledged} writes were acknowledged: that shows nothing`);
});
