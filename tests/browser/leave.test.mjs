// Leaving for good: what a node kept lies on another device first, or it stays.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gather, uniqueName } from "./harness.mjs";
import { assertFailures, openStage } from "./stage.mjs";

const timeout = 90_000;

describe("a node that leaves for good", { timeout: 240_000 }, () => {
  const stage = openStage();

  const leave = (tab, options) => tab.run((options) => window.mesh.leave(options), options);
  const databases = async (tab) =>
    new Set(await tab.run(async () => (await indexedDB.databases()).map(({ name }) => name)));

  test("hands off to another device, is gone in the eyes of the rest, and keeps nothing", { timeout }, async () => {
    const room = uniqueName();
    const away = await stage.profile("away");
    const [leaver, heir] = [await stage.home.tab("leaver"), await away.tab("heir")];
    const before = await databases(leaver);
    await Promise.all([leaver.join(room), heir.join(room)]);
    await gather(stage.world, [leaver, heir]);
    for (let number = 0; number < 20; number++) await leaver.put(`key ${number}`, number, { level: "local" });
    assert.deepEqual(await leave(leaver), { handedOff: true });
    for (let number = 0; number < 20; number++) {
      assert.equal((await heir.get(`key ${number}`, { level: "local" })).value, number);
    }
    await stage.world.until("the other knows that it has departed", async () => (await heir.members()).length === 1);
    const made = [...(await databases(leaver))].filter((name) => !before.has(name) && name !== "roundtable:device");
    assert.deepEqual(made, []);
    assertFailures(
      await leaver.run(() =>
        window.failures([
          ["a put after it", () => window.mesh.bucket("things").put("a", 1), "closed", "closed"],
          ["another leave", () => window.mesh.leave(), "closed", "closed"],
        ]),
      ),
    );
    const id = leaver.id;
    assert.notEqual(await leaver.join(room), id, "who joins again is another node");
    await gather(stage.world, [leaver, heir]);
    assert.equal((await leaver.get("key 7")).value, 7);
  });

  test("stays, with all it has, where there is no other device", { timeout }, async () => {
    const [a, b] = await stage.pair();
    await a.put("kept", 1, { level: "local" });
    assert.deepEqual(await leave(a), { handedOff: false });
    assert.equal((await a.members()).find((member) => member.self).status, "up");
    await a.put("still", 2, { level: "local" });
    const before = a.id;
    await a.close();
    assert.equal(await a.join(await b.run(() => window.mesh.room)), before);
    assert.equal((await a.get("kept", { level: "local" })).value, 1);
    const alone = await stage.hermit();
    assert.deepEqual(await leave(alone, { timeoutMs: 1_000 }), { handedOff: false });
  });

  test("refuses options that cannot be meant, and is cut short by a close", { timeout }, async () => {
    const tab = await stage.hermit();
    assertFailures(
      await tab.run(() =>
        window.failures([
          ["a timeout that is none", () => window.mesh.leave({ timeoutMs: -1 }), "invalid-argument", "timeoutMs"],
          ["an option that is none", () => window.mesh.leave({ now: true }), "invalid-argument", "now"],
        ]),
      ),
    );
    await tab.close();
    assertFailures(
      await tab.run(() => window.failures([["after a close", () => window.mesh.leave(), "closed", "closed"]])),
    );
  });
});
