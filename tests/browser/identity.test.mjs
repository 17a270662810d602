// Who a tab is: a reload keeps it, a duplicate is another, and what closed tabs left behind is found by the next.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { gather, uniqueName, World, within } from "./harness.mjs";

const timeout = 90_000;

describe("the identity and the data of a tab", { timeout: 240_000 }, () => {
  let world, home;

  before(async () => {
    world = await World.open();
    home = await world.profile("home");
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function deviceOf(tab) {
    return (await tab.members()).find((member) => member.self).device;
  }

  test("are the same after a reload", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab();
    const id = await tab.join(room);
    const device = await deviceOf(tab);
    for (let turn = 0; turn < 3; turn++) {
      await tab.put(`turn ${turn}`, { turn }, { level: "local" });
      await tab.page.reload();
      assert.equal(await tab.join(room), id, "the same node");
      assert.equal(await deviceOf(tab), device, "on the same device");
      for (let i = 0; i <= turn; i++) {
        assert.deepEqual((await tab.get(`turn ${i}`, { level: "local" })).value, { turn: i });
      }
      const again = await tab.put(`turn ${turn}`, "overwritten", { level: "local" });
      assert.equal(again.met, true);
      const read = await tab.get(`turn ${turn}`, { level: "local" });
      assert.deepEqual(read.siblings, ["overwritten"], "and what it writes supersedes what it wrote before");
      await tab.put(`turn ${turn}`, { turn }, { level: "local" });
    }
  });

  test("survive a reload in company: the others see the same node come back", { timeout }, async () => {
    const room = uniqueName();
    const [a, b] = [await home.tab("a"), await home.tab("b")];
    await Promise.all([a.join(room), b.join(room)]);
    await gather(world, [a, b]);
    const id = a.id;
    await a.put("before", 1, { level: 2 });
    await a.page.reload();
    assert.equal(await a.join(room), id);
    await gather(world, [a, b]);
    assert.equal((await b.members()).length, 2, "nobody new has come");
    assert.equal((await a.get("before")).value, 1);
  });

  /** Three tabs write: in company, and each alone at local. What all of them acknowledged. */
  async function writtenByThree(room) {
    const tabs = [await home.tab("one"), await home.tab("two"), await home.tab("three")];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    const written = {};
    for (const [place, tab] of tabs.entries()) {
      const key = `together ${place}`;
      const receipt = await tab.put(key, place, { level: "all" });
      assert.equal(receipt.met, true);
      written[key] = place;
    }
    // Alone: each tab can hear nobody, and only its own disk has what it says now.
    await Promise.all(
      tabs.map((tab) => Promise.all(tabs.filter((other) => other !== tab).map((other) => tab.cut(other.id)))),
    );
    for (const [place, tab] of tabs.entries()) {
      for (let i = 0; i < 10; i++) {
        const key = `alone ${place} ${i}`;
        const receipt = await tab.put(key, [place, i], { level: "local", timeoutMs: 1_000 });
        assert.deepEqual([receipt.met, receipt.devices], [true, 1]);
        written[key] = [place, i];
      }
    }
    return { tabs, written };
  }

  async function assertHolds(tab, written) {
    const found = await tab.run(async (keys) => {
      const bucket = window.mesh.bucket("things");
      const reads = await Promise.all(keys.map((key) => bucket.get(key, { level: "local" })));
      return Object.fromEntries(reads.map((read, i) => [keys[i], read.value]));
    }, Object.keys(written));
    assert.deepEqual(found, written, "all that the device has acknowledged is there");
    const { keys } = await tab.keys();
    assert.deepEqual(keys, Object.keys(written).sort());
  }

  test("all tabs closed and one reopened: all acknowledged data of the device is there", { timeout }, async () => {
    const room = uniqueName();
    const { tabs, written } = await writtenByThree(room);
    await home.clear();
    const reopened = await home.tab("reopened");
    const id = await reopened.join(room);
    assert.ok(
      tabs.some((tab) => tab.id === id),
      "a reopened tab is one of the nodes that were",
    );
    await assertHolds(reopened, written);
    // Another beside it is another node of the same device, and both have it all.
    const second = await home.tab("second");
    const other = await second.join(room);
    assert.notEqual(other, id);
    await second.ready(1);
    await world.until("the second holds it all as well", async () => {
      const { keys } = await second.keys({ level: "local" });
      return keys.length === Object.keys(written).length;
    });
    await assertHolds(second, written);
  });

  test("the browser closed and started again: all acknowledged data of the device is there", { timeout }, async () => {
    const room = uniqueName();
    const { tabs, written } = await writtenByThree(room);
    await home.stop();
    await home.start();
    const reopened = await home.tab("reopened");
    const id = await reopened.join(room);
    assert.ok(tabs.some((tab) => tab.id === id));
    await assertHolds(reopened, written);
  });

  test("a crashed tab has lost nothing that it acknowledged", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab("crashing");
    const id = await tab.join(room);
    const acknowledged = await tab.run(async () => {
      const bucket = window.mesh.bucket("things");
      const keys = Array.from({ length: 50 }, (_, i) => `kept ${i}`);
      await Promise.all(keys.map((key) => bucket.put(key, key, { level: "local" })));
      return keys;
    });
    world.expectErrors(/the page crashed/);
    const session = await home.context.newCDPSession(tab.page);
    const crashed = new Promise((resolve) => tab.page.once("crash", resolve));
    session.send("Page.crash").catch(() => {});
    await within(10_000, "the tab crashes", crashed);
    const next = await home.tab("next");
    assert.equal(await next.join(room), id, "the next tab takes the slot that was let go");
    await assertHolds(next, Object.fromEntries(acknowledged.map((key) => [key, key])));
  });

  test("a duplicated tab gets an identity of its own", { timeout }, async () => {
    const room = uniqueName();
    const original = await home.tab("original");
    await original.join(room);
    await original.put("shared", "by both", { level: "local" });
    const opening = home.context.waitForEvent("page", { timeout: 10_000 });
    await original.run(() => {
      window.open(location.href); // with an opener: sessionStorage is copied
    });
    const duplicate = home.adopt(await opening, "duplicate");
    await duplicate.page.waitForLoadState();
    const memory = (tab) => tab.run(() => JSON.stringify(Object.entries(sessionStorage).sort()));
    const copied = await memory(duplicate);
    assert.equal(copied, await memory(original), "it begins with the memory of the original");
    assert.ok(copied.length > 10, "which is not empty");
    await duplicate.join(room);
    assert.notEqual(duplicate.id, original.id);
    await gather(world, [original, duplicate]);
    assert.equal((await duplicate.get("shared", { level: "local" })).value, "by both");
    const ids = [original.id, duplicate.id];
    for (const tab of [original, duplicate]) {
      await tab.page.reload();
      await tab.join(room);
    }
    assert.deepEqual([original.id, duplicate.id], ids, "and each keeps its own over a reload");
  });

  test("two nodes in one page are two, and both come back in their order", { timeout }, async () => {
    const room = uniqueName();
    const tab = await home.tab();
    const joinTwice = () =>
      tab.run(async (room) => {
        const { join } = await import("/roundtable/index.js");
        const meshes = [await join({ room }), await join({ room })];
        window.mesh = meshes[0];
        await Promise.all(meshes.map((mesh) => mesh.ready()));
        return meshes.map((mesh) => mesh.id);
      }, room);
    const ids = await joinTwice();
    assert.notEqual(ids[0], ids[1]);
    await tab.page.reload();
    assert.deepEqual(await joinTwice(), ids);
  });

  test("another room is another node with nothing of the first", { timeout }, async () => {
    const tab = await home.tab();
    const id = await tab.join(uniqueName());
    await tab.put("secret of the first", 1, { level: "local" });
    await tab.close();
    assert.notEqual(await tab.join(uniqueName()), id);
    assert.deepEqual((await tab.keys()).keys, []);
  });
});
