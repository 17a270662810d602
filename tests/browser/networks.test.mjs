// Two browsers on two hosts, with a wire between them that loses packets, and is cut: nobody stops writing, and nothing
// is lost.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gather, uniqueName, World } from "./harness.mjs";
import { Wire, whyNot } from "./namespaces.mjs";

const timeout = 240_000;
const lossPercent = 5;
const cutMs = 30_000;
const convergeMs = 10_000;
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = await whyNot();

describe("two browsers on two networks", { timeout: 300_000, skip }, () => {
  let wire, world, left, right;

  before(async () => {
    wire = await Wire.open();
    world = await World.open({ place: { host: wire.address("a"), within: wire.within("a") } });
    // What is not https and no loopback has no locks; this origin is to be trusted as if it were.
    const args = [`--unsafely-treat-insecure-origin-as-secure=${world.origin}`];
    const folder = await world.folder("wrappers");
    const on = async (side, name) =>
      world.profile(name, undefined, { program: await wire.wrapper(side, chromium, folder), args });
    [left, right] = await Promise.all([on("a", "left"), on("b", "right")]);
  });
  afterEach(() => world.clear());
  after(async () => {
    await world?.close();
    wire?.close();
  });

  /** In the page: write a key of its own every 100 ms until told to stop. Keeps which writes were acknowledged. */
  const writeOn = (tab) =>
    tab.run((name) => {
      window.acknowledged = [];
      window.isWriting = true;
      window.written = (async () => {
        const bucket = window.mesh.bucket("things");
        for (let i = 0; window.isWriting; i++) {
          const key = `${name} ${i}`;
          const receipt = await bucket.put(key, i, { level: "local" });
          if (receipt.met) window.acknowledged.push(key);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();
    }, tab.name);

  const stopWriting = (tab) =>
    tab.run(async () => {
      window.isWriting = false;
      await window.written;
      return window.acknowledged;
    });

  test(`with ${lossPercent} % loss and cut for ${cutMs / 1_000} s, both sides go on and lose nothing`, {
    timeout,
  }, async () => {
    wire.lose(lossPercent);
    const room = uniqueName();
    const tabs = [await left.tab(), await right.tab(), await left.tab(), await right.tab()];
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs, 60_000);
    await Promise.all(tabs.map(writeOn));
    await sleep(3_000);
    world.expectErrors(/WebSocket/);
    wire.lose(100);
    await sleep(cutMs);
    const away = await tabs[0].members();
    const statuses = [tabs[1], tabs[3]].map((tab) => away.find(({ id }) => id === tab.id)?.status);
    assert.ok(
      statuses.every((status) => status !== "up"),
      `the other side is missed: ${statuses}`,
    );
    const written = (await Promise.all(tabs.map(stopWriting))).flat();
    assert.ok(written.length > tabs.length * 100, `they wrote ${written.length} values`);
    wire.lose(lossPercent);
    const healed = performance.now();
    await world.until(
      "all tabs know all that was written",
      async () => {
        const seen = await Promise.all(
          tabs.map((tab) =>
            tab.run(async () => {
              const { keys, met } = await window.mesh.bucket("things").keys({ level: "all", timeoutMs: 1_000 });
              return met ? keys : [];
            }),
          ),
        );
        return seen.every((keys) => keys.length >= written.length);
      },
      { timeoutMs: 90_000, everyMs: 100 },
    );
    const tookMs = performance.now() - healed;
    for (const tab of tabs) {
      const lost = await tab.run(async (keys) => {
        const bucket = window.mesh.bucket("things");
        const reads = await Promise.all(keys.map((key) => bucket.get(key)));
        return keys.filter((key, at) => !reads[at].met || reads[at].value !== Number(key.split(" ").at(-1)));
      }, written);
      assert.deepEqual(lost, [], tab.name);
    }
    console.log(`${written.length} writes converged ${Math.round(tookMs)} ms after healing`);
    assert.ok(tookMs <= convergeMs, `converged ${Math.round(tookMs)} ms after healing`);
  });
});
