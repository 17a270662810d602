// An offline bucket: all of it is on the tab that opened it so, whoever owns it, and stays there with all others gone.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gather, uniqueName, World } from "./harness.mjs";

const timeout = 150_000;
const count = 200;

describe("two devices with seven tabs", { timeout: 300_000 }, () => {
  let world;

  before(async () => {
    world = await World.open();
  });
  after(() => world?.close());

  /** How many of all keys a tab shows by itself with this value. */
  function shown(tab, value) {
    return tab.run(
      async ([count, value]) => {
        const notes = window.mesh.bucket("notes");
        const keys = Array.from({ length: count }, (_, n) => `note ${n}`);
        const reads = await Promise.all(keys.map((key) => notes.get(key, { level: "local" })));
        return reads.filter((read) => read.siblings.length === 1 && read.value === value).length;
      },
      [count, value],
    );
  }

  function putAll(tab, value) {
    return tab.run(
      async ([count, value]) => {
        const notes = window.mesh.bucket("notes");
        const puts = Array.from({ length: count }, (_, n) => notes.put(`note ${n}`, value, { level: "all" }));
        return (await Promise.all(puts)).every((receipt) => receipt.met);
      },
      [count, value],
    );
  }

  const open = (tab, offline) => tab.run((offline) => void window.mesh.bucket("notes", { offline }), offline);

  test("the one with the bucket offline has all of it, also after a reload alone", { timeout }, async () => {
    const [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
    const room = uniqueName();
    const others = [];
    for (const profile of [left, left, left, right, right, right]) others.push(await profile.tab());
    const phone = await right.tab("phone");
    const tabs = [...others, phone];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    assert.equal(await putAll(others[0], "first"), true);
    const before = await shown(phone, "first");
    assert.ok(before < count, `the phone owns ${before} of ${count}, not all`);
    await open(phone, true);
    await world.until("all of it is there", async () => (await shown(phone, "first")) === count, { timeoutMs: 30_000 });
    const { copies, copyBytes } = await phone.metrics();
    assert.ok(copies > 0 && copies <= count && copyBytes > 0, `${copies} copies, ${copyBytes} bytes`);
    await phone.settled();
    // What changes elsewhere comes by itself.
    assert.equal(await putAll(others[0], "second"), true);
    await world.until("what changed is there", async () => (await shown(phone, "second")) === count);
    const keys = await phone.run(() => window.mesh.bucket("notes").keys());
    assert.deepEqual(
      [keys.keys.length, keys.met, keys.answered],
      [count, true, [phone.id]],
      "listed from what is here",
    );

    await Promise.all(others.map((tab) => tab.page.close()));
    assert.equal(await shown(phone, "second"), count, "with all others gone");
    await phone.page.reload();
    const again = await phone.join(room);
    assert.equal(again, keys.answered[0], "it is the same node");
    await open(phone, true);
    assert.equal(await shown(phone, "second"), count, "alone, after a reload");
    assert.ok((await phone.metrics()).copies > 0, "they came from its own disk");
    const read = await phone.get("note 0", {}, "notes");
    assert.deepEqual([read.met, read.value], [false, "second"], "a quorum is not met, and what is here is shown");

    await open(phone, false);
    await world.until("the copies are gone", async () => (await phone.metrics()).copies === 0);
    world.assertNoErrors();
  });
});
