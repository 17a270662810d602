// One browser for the tests of the package's contract, and what its pages need to tell what was thrown in them.
import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { PlainBrowser } from "./browser.mjs";
import { browserArguments, gather, uniqueName, World } from "./harness.mjs";

/** What every page of the stage has: `failure(work)` is what it threw, as something that can be sent. */
function helpers() {
  window.failure = async (work) => {
    try {
      await work();
      return { code: "nothing was thrown" };
    } catch (error) {
      const { RoundtableError } = await import("/roundtable/index.js");
      const { name, code, message } = error;
      return { name, code, message, ours: error instanceof RoundtableError && error instanceof Error };
    }
  };
  /** [name, work, code, what the message must say][] → the same with what came. */
  window.failures = async (cases) => {
    const found = [];
    for (const [name, work, code, says] of cases) found.push({ name, code, says, got: await window.failure(work) });
    return found;
  };
  /** The messages of what was given to reportError; they do not count as errors of the page. */
  window.reported = [];
  window.catchReports = () => {
    window.addEventListener("error", (event) => {
      window.reported.push(event.error);
      event.preventDefault();
    });
  };
  window.turns = async (count) => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  };
}

/** Each came as a RoundtableError with its code, and said what it should. */
export function assertFailures(found) {
  assert.ok(found.length > 0);
  for (const { name, code, says, got } of found) {
    assert.equal(got.code, code, `${name}: ${JSON.stringify(got)}`);
    assert.equal(got.name, "RoundtableError", name);
    assert.equal(got.ours, true, `${name} is an instance of what the package exports`);
    assert.match(got.message, new RegExp(says), name);
  }
}

/** Call it in a `describe`: it opens a browser before the tests and closes its tabs after each. */
export function openStage() {
  const stage = {
    /** One node that nobody will ever meet. */
    hermit: async (options = {}) => {
      const tab = await stage.home.tab();
      await tab.join(uniqueName(), { rendezvous: [], ...options });
      return tab;
    },
    /** Two that know each other. */
    pair: async () => {
      const room = uniqueName();
      const tabs = [await stage.home.tab("a"), await stage.home.tab("b")];
      await Promise.all(tabs.map((tab) => tab.join(room)));
      await gather(stage.world, tabs);
      return tabs;
    },
    /** A browser whose pages have the helpers. */
    profile: async (name) => {
      const profile = await stage.world.profile(name);
      await profile.context.addInitScript(helpers);
      return profile;
    },
  };
  before(async () => {
    stage.world = await World.open();
    stage.home = await stage.profile("home");
  });
  afterEach(() => stage.world.clear());
  after(() => stage.world?.close());
  return stage;
}

/** Call it in a `describe`: it opens a browser as people have it before the tests, and closes its tabs after each. */
export function openPlain() {
  const plain = {};
  before(async () => {
    plain.world = await World.open();
    plain.browser = await PlainBrowser.start(await plain.world.folder("profile"), browserArguments);
  });
  afterEach(async () => {
    const tabs = plain.browser.tabs.splice(0);
    await Promise.allSettled(tabs.map((tab) => tab.close()));
  });
  after(async () => {
    await plain.browser?.stop();
    await plain.world?.close();
  });
  return plain;
}

/** Call it in a `describe`: it opens two browsers, two devices, before the tests, and closes their tabs after each. */
export function openTwo() {
  const two = {
    /** A tab of each, linked. */
    pair: async () => {
      const room = uniqueName();
      const tabs = [await two.left.tab(), await two.right.tab()];
      await Promise.all(tabs.map((tab) => tab.join(room)));
      await gather(two.world, tabs);
      return tabs;
    },
  };
  before(async () => {
    two.world = await World.open();
    [two.left, two.right] = await Promise.all([two.world.profile("left"), two.world.profile("right")]);
  });
  afterEach(() => two.world.clear());
  after(() => two.world?.close());
  return two;
}
