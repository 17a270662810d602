// The rendezvous only introduces strangers: when its process is killed, the mesh goes on, mends and grows.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { gather, packageFolder, uniqueName, World } from "./harness.mjs";

const timeout = 90_000;

describe("with the rendezvous process killed", { timeout: 240_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  beforeEach(() => world.renewRendezvous());
  afterEach(() => world.clear());
  after(() => world?.close());

  async function table(profiles) {
    const room = uniqueName();
    const tabs = [];
    for (const profile of profiles) tabs.push(await profile.tab());
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    return { room, tabs };
  }

  async function killRendezvous(tabs) {
    world.expectErrors(/WebSocket connection to '.*' failed/);
    const { signal } = await world.rendezvous.kill();
    assert.equal(signal, "SIGKILL");
    await assert.rejects(world.rendezvous.health(), "nothing listens there any more");
    await world.until("every tab sees that the rendezvous is gone", async () => {
      const seen = await Promise.all(tabs.map((tab) => tab.run(() => window.rendezvous.at(-1))));
      return seen.every((connected) => connected === false);
    });
  }

  async function writesAndReadsEverywhere(tabs, prefix) {
    for (const [place, tab] of tabs.entries()) {
      const receipt = await tab.put(`${prefix} ${place}`, place, { level: Math.min(3, tabs.length) });
      assert.equal(receipt.met, true, `${tab.name} writes`);
    }
    for (const tab of tabs) {
      for (const place of tabs.keys()) {
        const read = await tab.get(`${prefix} ${place}`);
        assert.deepEqual([read.met, read.value], [true, place], `${tab.name} reads`);
      }
    }
  }

  /** The page and the package from disk, since who served them is gone: as from a cache, or another server. */
  async function serveFromDisk(profile) {
    const types = { js: "text/javascript", wasm: "application/wasm", html: "text/html" };
    await profile.context.route(`${world.origin}/**`, async (route) => {
      const { pathname } = new URL(route.request().url());
      const path = pathname.startsWith("/roundtable/")
        ? join(packageFolder, pathname.slice("/roundtable/".length))
        : join(world.site, `${pathname.slice(1)}.html`);
      const contentType = types[path.split(".").at(-1)] ?? "application/octet-stream";
      await route.fulfill({ body: await readFile(path), contentType });
    });
  }

  test("reads and writes go on", { timeout }, async () => {
    const { tabs } = await table([left, left, right]);
    await writesAndReadsEverywhere(tabs, "before");
    await killRendezvous(tabs);
    await writesAndReadsEverywhere(tabs, "after");
  });

  test("a lost link between tabs of two browsers is renewed through the mesh", { timeout }, async () => {
    const { tabs } = await table([left, left, right]);
    const [a, between, b] = tabs;
    await killRendezvous(tabs);
    await Promise.all([a.cut(b.id), b.cut(a.id)]);
    const linked = async (tab, id) => (await tab.members()).find((member) => member.id === id)?.linked;
    await world.until(
      "the link is lost on both sides",
      async () => !(await linked(a, b.id)) && !(await linked(b, a.id)),
    );
    assert.equal(await linked(a, between.id), true);
    assert.equal(await linked(b, between.id), true);
    const apart = await a.put("while apart", "reached through others", { level: 1 });
    assert.equal(apart.met, true, "writing goes on with the link gone");
    await Promise.all([a.uncut(b.id), b.uncut(a.id)]);
    await world.until(
      "the link is renewed on both sides",
      async () => (await linked(a, b.id)) && (await linked(b, a.id)),
      {
        timeoutMs: 30_000,
      },
    );
    for (const [tab, other] of [
      [a, b],
      [b, a],
    ]) {
      const links = await tab.run(() => window.links);
      const renewed = links.filter((link) => link.id === other.id && link.open).at(-1);
      assert.equal(
        renewed?.via,
        "mesh",
        `no server and no common browser brought them together: ${JSON.stringify(links)}`,
      );
    }
    await gather(world, tabs);
    await writesAndReadsEverywhere(tabs, "renewed");
    assert.equal((await b.get("while apart")).value, "reached through others");
  });

  test("a new tab of a browser that is already in joins, and is linked with the other browser", {
    timeout,
  }, async () => {
    const { room, tabs } = await table([left, right]);
    await writesAndReadsEverywhere(tabs, "before");
    await killRendezvous(tabs);
    await serveFromDisk(left);
    const newcomer = await left.tab("newcomer");
    await newcomer.join(room);
    const all = [...tabs, newcomer];
    await gather(world, all);
    await writesAndReadsEverywhere(all, "with the newcomer");
    for (const place of [0, 1]) assert.equal((await newcomer.get(`before ${place}`, { level: "local" })).value, place);
    const strangers = (await newcomer.run(() => window.links)).filter((link) => link.id === tabs[1].id && link.open);
    assert.equal(strangers.at(-1)?.via, "mesh", "the other browser was reached through the mesh");
  });

  test("a reloaded tab comes back as the node it was", { timeout }, async () => {
    const { room, tabs } = await table([left, left, right]);
    await writesAndReadsEverywhere(tabs, "before");
    await killRendezvous(tabs);
    await serveFromDisk(left);
    const id = tabs[0].id;
    await tabs[0].page.reload();
    assert.equal(await tabs[0].join(room), id);
    await gather(world, tabs);
    await writesAndReadsEverywhere(tabs, "after");
  });

  test("tabs of one browser need no rendezvous at all", { timeout }, async () => {
    const room = uniqueName();
    const tabs = [await left.tab(), await left.tab(), await left.tab()];
    await Promise.all(tabs.map((tab) => tab.join(room, { rendezvous: [] })));
    await gather(world, tabs);
    await writesAndReadsEverywhere(tabs, "here");
    const stranger = await right.tab();
    await stranger.join(room, { rendezvous: [] });
    await assert.rejects(
      stranger.run(() => window.mesh.ready({ timeoutMs: 1_500 })),
      /timeout|not linked/,
    );
    assert.equal((await stranger.members()).length, 1, "and without one, another browser is a stranger");
  });
});
