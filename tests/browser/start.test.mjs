// A tab that comes back to many keys is ready in the time that it takes to read them. 100,000 are `npm run bench`'s.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startWith } from "../bench/many.mjs";
import { World } from "./harness.mjs";

const keys = 20_000;
/** A node does more than to read: it decodes, places and sums up every object. */
const ratioMax = 6;

describe("a start with many keys", { timeout: 200_000 }, () => {
  let world;
  let home;
  before(async () => {
    world = await World.open();
    home = await world.profile("home");
  });
  after(() => world?.close());

  test(`takes with ${keys} at most ${ratioMax} times what the browser takes to read them`, async () => {
    const ratios = [];
    for (let turn = 0; turn < 3; turn++) {
      const { ours, floor } = await startWith(home, keys);
      ratios.push(ours / floor);
    }
    assert.ok(Math.min(...ratios) <= ratioMax, ratios.join(", "));
  });
});
