// A copy that a read finds behind is written anew by that read, and the reader is told whose it was.
//
// Of three that own everything, one writes while it is cut off from another. The third is linked with both, so nobody is
// suspect and nobody holds a hint for long: what mends the copy before anything else does is the third one's read.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { openStage } from "./stage.mjs";

const timeout = 60_000;
const rounds = 10;

describe("a read of all three owners", { timeout }, () => {
  const stage = openStage();

  test("mends the copy that it finds behind, and tells of it", { timeout }, async () => {
    const { world, home } = stage;
    const room = uniqueName();
    const [writer, reader, behind] = [await home.tab("writer"), await home.tab("reader"), await home.tab("behind")];
    const tabs = [writer, reader, behind];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    await reader.run(() => {
      window.repaired = [];
      window.mesh.on("protocol", ({ kind, replica }) => {
        if (kind === "read-repaired") window.repaired.push(replica);
      });
    });
    await writer.cut(behind.id);
    let mended = 0;
    for (let round = 0; round < rounds; round++) {
      assert.equal((await writer.put("thing", round, { level: 2 })).met, true);
      const had = await behind.get("thing", { level: "local" });
      const told = await reader.run(() => window.repaired.length);
      const read = await reader.get("thing", { level: "all" });
      assert.deepEqual([read.met, read.siblings], [true, [round]], "it reads what was written last");
      // A copy that something else has brought meanwhile needs no repair.
      if (had.value === round) continue;
      await world.until("the copy is there", async () => {
        return (await behind.get("thing", { level: "local" })).value === round;
      });
      mended += Number((await reader.run(() => window.repaired.length)) > told);
    }
    const whose = await reader.run(() => [...new Set(window.repaired)]);
    assert.deepEqual(whose, [behind.id], "it tells whose copy was behind");
    assert.ok(mended > 0, "and at least once nothing else had brought it");
  });
});
