// First light: tabs of two browsers find each other, agree on the ring, and hold each other's data.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { gather, uniqueName, World } from "./harness.mjs";

const timeout = 90_000;

describe("three tabs of one profile and two of another", { timeout: 180_000 }, () => {
  let world, tabs;

  before(async () => {
    world = await World.open();
    const [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
    tabs = [];
    for (const profile of [left, left, left, right, right]) tabs.push(await profile.tab());
    const room = uniqueName();
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
  });
  // All tests sit at one table, each with keys of its own; the last sends one away.
  afterEach(() => world.assertNoErrors());
  after(() => world?.close());

  test("find each other and agree on who is there", { timeout }, async () => {
    const views = await Promise.all(tabs.map((tab) => tab.members()));
    const ids = tabs.map((tab) => tab.id).sort();
    assert.equal(new Set(ids).size, 5, "five identities");
    const plain = (view) =>
      view
        .map(({ id, device, label, capacity, status, owns }) => ({ id, device, label, capacity, status, owns }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const [place, view] of views.entries()) {
      const tab = tabs[place];
      assert.deepEqual(plain(view), plain(views[0]), `${tab.name} has the same members`);
      assert.deepEqual(
        view.map((member) => member.id),
        [tab.id, ...ids.filter((id) => id !== tab.id)],
        "self first, then by id",
      );
      assert.deepEqual(
        view.filter((member) => member.self).map((member) => member.id),
        [tab.id],
      );
      assert.ok(
        view.every((member) => member.self || member.linked),
        `${tab.name} is linked with all others`,
      );
      assert.ok(Math.abs(view.reduce((sum, member) => sum + member.owns, 0) - 1) < 1e-6, "shares add up to the ring");
      assert.equal((await tab.metrics()).nodes, 5);
    }
    const devices = new Map(views[0].map((member) => [member.id, member.device]));
    assert.equal(new Set(devices.values()).size, 2, "a profile is a device");
    assert.equal(devices.get(tabs[0].id), devices.get(tabs[2].id));
    assert.equal(devices.get(tabs[3].id), devices.get(tabs[4].id));
    assert.notEqual(devices.get(tabs[0].id), devices.get(tabs[3].id));
  });

  test("read in each what was put in any", { timeout }, async () => {
    for (const [place, tab] of tabs.entries()) {
      const receipt = await tab.put(`from ${place}`, { by: tab.name, place }, { level: "all" });
      assert.equal(receipt.met, true, `${tab.name} writes to all owners`);
      assert.equal(receipt.owners.length, 3);
      assert.equal(receipt.devices, 2, "copies on both devices");
    }
    for (const reader of tabs) {
      for (const [place, writer] of tabs.entries()) {
        const read = await reader.get(`from ${place}`);
        assert.equal(read.met, true);
        assert.deepEqual(read.value, { by: writer.name, place }, `${reader.name} reads what ${writer.name} wrote`);
        assert.equal(read.siblings.length, 1);
      }
      const { keys, met } = await reader.keys({ prefix: "from " });
      assert.deepEqual({ keys, met }, { keys: [0, 1, 2, 3, 4].map((place) => `from ${place}`), met: true });
    }
  });

  test("compute the same preference list of each of 1,000 keys, with owners on both devices", { timeout }, async () => {
    const device = new Map((await tabs[0].members()).map((member) => [member.id, member.device]));
    const lists = await Promise.all(
      tabs.map((tab) =>
        tab.run(() => Array.from({ length: 1000 }, (_, i) => window.mesh.preferenceList("things", `key ${i}`))),
      ),
    );
    for (const [place, list] of lists.entries()) {
      assert.deepEqual(list, lists[0], `${tabs[place].name} computes what ${tabs[0].name} computes`);
    }
    const firsts = new Set();
    for (const { owners, fallbacks } of lists[0]) {
      assert.equal(owners.length, 3);
      assert.equal(new Set([...owners, ...fallbacks]).size, 5, "everybody is in the list once");
      assert.equal(new Set(owners.slice(0, 2).map((id) => device.get(id))).size, 2, "distinct devices come first");
      firsts.add(owners[0]);
    }
    assert.equal(firsts.size, 5, "everybody is somebody's first");
  });

  test("put each write on disk exactly where the preference list says", { timeout }, async () => {
    const writer = tabs[1];
    const receipts = await writer.run(async () => {
      const bucket = window.mesh.bucket("things");
      const keys = Array.from({ length: 60 }, (_, i) => `placed ${i}`);
      return Promise.all(
        keys.map(async (key) => {
          const receipt = await bucket.put(key, key, { level: "all" });
          const { owners } = window.mesh.preferenceList("things", key);
          return { met: receipt.met, holders: receipt.owners, owners: [...owners].sort(), ended: receipt.ended };
        }),
      );
    });
    for (const { met, holders, owners, ended } of receipts) {
      assert.equal(met, true);
      assert.deepEqual(holders, owners);
      assert.equal(ended, "complete");
    }
    // And they are there, not only promised: each owner answers from its own store.
    const own = await Promise.all(
      tabs.map((tab) =>
        tab.run(async () => {
          const found = [];
          for (let i = 0; i < 60; i++) {
            const key = `placed ${i}`;
            if (!window.mesh.preferenceList("things", key).owners.includes(window.mesh.id)) continue;
            const read = await window.mesh.bucket("things").get(key, { level: "local" });
            found.push([key, read.value, read.answered]);
          }
          return found;
        }),
      ),
    );
    for (const [place, found] of own.entries()) {
      for (const [key, value, answered] of found) {
        assert.equal(value, key);
        assert.deepEqual(answered, [tabs[place].id]);
      }
    }
    assert.equal(own.flat().length, 180, "60 keys with three copies each");
  });

  test("survive the loss of any one of them, the first included", { timeout }, async () => {
    for (let i = 0; i < 20; i++) {
      const receipt = await tabs[i % 5].put(`kept ${i}`, i, { level: "all" });
      assert.equal(receipt.met, true);
    }
    const [first, ...others] = tabs;
    await first.page.close();
    first.profile.tabs = first.profile.tabs.filter((tab) => tab !== first);
    await world.until("the others see that the first is gone", async () => {
      const views = await Promise.all(others.map((tab) => tab.members()));
      return views.every((view) => view.find((member) => member.id === first.id)?.status !== "up");
    });
    for (const tab of others) {
      for (let i = 0; i < 20; i++) {
        const read = await tab.get(`kept ${i}`);
        assert.deepEqual([read.met, read.value], [true, i], `${tab.name} reads key ${i}`);
      }
      const receipt = await tab.put(`after ${tab.name}`, true);
      assert.equal(receipt.met, true, "a quorum is still reached");
    }
  });
});
