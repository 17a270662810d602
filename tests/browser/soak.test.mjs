// A short soak in every run: the long one is `npm run soak`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Oracle } from "../soak/oracle.mjs";
import { soak } from "../soak/run.mjs";

test("after fifteen random faults under continuous writes nothing acknowledged is lost", {
  timeout: 300_000,
}, async () => {
  const told = [];
  const summary = await soak({ faultCount: 15, seed: 4, log: (line) => told.push(line) });
  assert.deepEqual(summary.failures, [], `again: npm run soak -- --faults 15 --seed 4\n${told.join("\n")}`);
  assert.ok(summary.acknowledged > 100, `only ${summary.acknowledged} writes were acknowledged: that shows nothing`);
});

test("the oracle misses what was acknowledged and is not read, and nothing else", () => {
  const oracle = new Oracle();
  oracle.take({ key: "a", id: "t1.0", met: true });
  oracle.take({ key: "a", id: "t2.0", met: true });
  oracle.take({ key: "b", id: "t1.1", met: false });
  oracle.take({ id: "t1.2", error: "quota" });
  assert.deepEqual([oracle.keys, oracle.acknowledged, oracle.writes], [["a"], 2, 4]);
  assert.deepEqual(oracle.missing(["a"], [{ met: true, value: ["t1.0", "t2.0", "t9.9"] }]), []);
  assert.deepEqual(oracle.missing(["a"], [{ met: true, value: ["t2.0"] }]), ['t1.0 of "a"']);
  assert.equal(oracle.missing(["a"], [{ met: false, value: undefined }]).length, 2);
  assert.deepEqual(oracle.errors, ["t1.2: quota"]);
});
