// Two browsers in a network that keeps its devices apart, as a school's may: no address of the other is ever tried. What
// they say goes through the rendezvous, which cannot read it, and the page says so; until a link can be made.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { uniqueName, World } from "./harness.mjs";

const timeout = 180_000;
/** Two attempts of ten seconds, and what is between them. */
const resortMs = 60_000;

/** In every page, from its beginning: until `window.reunite()`, connections find nobody. */
function keepApart() {
  const Real = RTCPeerConnection;
  let apart = true;
  window.reunite = () => {
    apart = false;
  };
  window.RTCPeerConnection = class extends Real {
    addIceCandidate(candidate) {
      return apart ? Promise.resolve() : super.addIceCandidate(candidate);
    }
    setRemoteDescription({ type, sdp }) {
      return super.setRemoteDescription({ type, sdp: apart ? sdp.replace(/^a=candidate.*\r?\n/gm, "") : sdp });
    }
  };
}

describe("two browsers that their network keeps apart", { timeout }, () => {
  let world, here, there;

  before(async () => {
    world = await World.open();
    [here, there] = await Promise.all([world.profile("here"), world.profile("there")]);
    for (const { context } of [here, there]) await context.addInitScript(keepApart);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  test("meet through the rendezvous, and directly as soon as they can", { timeout }, async () => {
    const room = uniqueName();
    const tabs = [await here.tab("here", `/#room=${room}`), await there.tab("there", `/#room=${room}`)];
    for (const tab of tabs) {
      await world.until("it has joined", () => tab.run(() => window.roundtable !== undefined), { timeoutMs: 30_000 });
    }
    for (const tab of tabs) {
      const isLinked = () => tab.run(() => window.roundtable.mesh.metrics().links === 1);
      await world.until("it has a link of some kind", isLinked, { timeoutMs: resortMs });
    }
    for (const [place, tab] of tabs.entries()) {
      const other = await tabs[1 - place].run(() => window.roundtable.mesh.id);
      assert.deepEqual(await tab.run(() => window.roundtable.mesh.relayed()), [other]);
      await tab.page.getByText("through the rendezvous, slowly").waitFor();
    }

    // As large as a value may be, both ways, on both disks.
    const size = 200_000;
    const receipt = await tabs[0].run(async (size) => {
      const bucket = window.roundtable.mesh.bucket("things");
      const value = new Uint8Array(size).fill(7);
      const { met, acknowledged } = await bucket.put("large", value, { level: 2, timeoutMs: 25_000 });
      return { met, acknowledged };
    }, size);
    assert.equal(receipt.met, true, JSON.stringify(receipt));
    await tabs[1].run(() => window.roundtable.mesh.bucket("things").put("small", "back", { level: 2 }));
    const seen = await Promise.all(
      tabs.map((tab) =>
        tab.run(async () => {
          const bucket = window.roundtable.mesh.bucket("things");
          const read = (key) => bucket.get(key, { level: "local" }).then(({ value }) => value);
          return [(await read("large")).length, await read("small")];
        }),
      ),
    );
    assert.deepEqual(seen, [
      [size, "back"],
      [size, "back"],
    ]);

    for (const tab of tabs) await tab.run(() => window.reunite());
    for (const tab of tabs) {
      await world.until(
        "they are linked",
        () =>
          tab.run(() => window.roundtable.mesh.relayed().length === 0 && window.roundtable.mesh.metrics().links === 1),
        { timeoutMs: 60_000 },
      );
    }
    world.expectErrors(/WebSocket/);
    await world.rendezvous.kill();
    const alone = await tabs[0].run(() =>
      window.roundtable.mesh
        .bucket("things")
        .put("without it", 1, { level: 2 })
        .then(({ met }) => met),
    );
    assert.equal(alone, true, "the rendezvous is needed no more");
  });
});
