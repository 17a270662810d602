// Invites: two browsers that no service brings together meet by two texts that a person carries.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gather, uniqueName, World } from "./harness.mjs";

const timeout = 150_000;
const secret = "00112233445566778899aabbccddeeff";
const bytesMax = 300;

/** What a page threw, as its code and message. */
const failure = (tab, work, argument) =>
  tab.run(
    async ([work, argument]) => {
      const { mesh, invites } = window;
      try {
        if (work === "create") await mesh.createInvite();
        else if (work === "accept") await mesh.acceptInvite(argument);
        else await invites[argument[0]].complete(argument[1]);
        return { code: "nothing was thrown" };
      } catch (error) {
        return { name: error.name, code: error.code, message: error.message };
      }
    },
    [work, argument],
  );

const invite = (tab) =>
  tab.run(async () => {
    window.invites ??= [];
    const made = await window.mesh.createInvite();
    window.invites.push(made);
    return { place: window.invites.length - 1, text: made.text };
  });
const accept = (tab, text) => tab.run((text) => window.mesh.acceptInvite(text), text);
const complete = (tab, place, answer) =>
  tab.run(([place, answer]) => window.invites[place].complete(answer), [place, answer]);
const refused = (tab, text) => failure(tab, "accept", text);
const incomplete = (tab, place, answer) => failure(tab, "complete", [place, answer]);

function assertText(text) {
  assert.match(text, /^[A-Za-z0-9_-]+$/, "it is fit for a link and a QR code");
  assert.ok(text.length <= bytesMax, `${text.length} bytes`);
}

describe("invites", { timeout: 600_000 }, () => {
  let world, left, right;

  before(async () => {
    world = await World.open();
    [left, right] = await Promise.all([world.profile("left"), world.profile("right")]);
  });
  afterEach(() => world.clear());
  after(() => world?.close());

  async function table(profiles, options = {}) {
    const room = uniqueName();
    const tabs = [];
    for (const profile of profiles) tabs.push(await profile.tab());
    await Promise.all(tabs.map((tab) => tab.join(room, { rendezvous: [], ...options })));
    return { room, tabs };
  }

  async function meet(inviter, guest, pauseMs = 0) {
    const { place, text } = await invite(inviter);
    const answer = await accept(guest, text);
    [text, answer].forEach(assertText);
    await sleep(pauseMs);
    await complete(inviter, place, answer);
    return { place, text, answer };
  }

  for (const [kind, options] of [
    ["without a secret", {}],
    ["with a secret", { secret }],
  ]) {
    test(`two browsers meet in a room ${kind}, and a third tab through them`, { timeout }, async () => {
      const { room, tabs } = await table([left, right], options);
      const [host, guest] = tabs;
      const { text, answer } = await meet(host, guest);
      for (const said of [text, answer]) assert.equal(said.includes(host.id) || said.includes(guest.id), false);
      for (const tab of tabs) {
        await tab.ready(1);
        assert.equal(await tab.run(() => window.links.at(-1).via), "invite", tab.name);
      }
      await gather(world, tabs);
      assert.equal((await host.put("cake", "is ready", { level: 2 })).met, true);
      assert.equal((await guest.get("cake")).value, "is ready");
      const third = await left.tab("third");
      await third.join(room, { rendezvous: [], ...options });
      await gather(world, [...tabs, third]);
      const links = await third.run(() => window.links);
      assert.equal(links.find((link) => link.id === guest.id && link.open)?.via, "mesh", "it needed no invite");
      assert.equal((await third.get("cake")).value, "is ready");
    });
  }

  test("a minute may pass before the answer is brought back", { timeout }, async () => {
    const { tabs } = await table([left, right]);
    await meet(tabs[0], tabs[1], 65_000);
    await gather(world, tabs);
    assert.equal((await tabs[1].put("patience", 1, { level: 2 })).met, true);
  });

  test("tabs of one browser that are linked already take an invite, too", { timeout }, async () => {
    const { tabs } = await table([left, left]);
    await gather(world, tabs);
    await meet(tabs[0], tabs[1]);
    await world.until("the link is the invite's", async () => {
      const seen = await Promise.all(tabs.map((tab) => tab.run(() => window.links.at(-1))));
      return seen.every((link) => link.open && link.via === "invite");
    });
    await gather(world, tabs);
    assert.equal((await tabs[0].put("twice met", 1, { level: 2 })).met, true);
  });

  test("browsers that hide their addresses meet", { timeout }, async () => {
    // The last such switch counts, so addresses are hidden as they are from people.
    const hidden = { args: ["--disable-features=Translate"] };
    const shy = [await world.profile("shy", undefined, hidden), await world.profile("shyer", undefined, hidden)];
    const { tabs } = await table(shy);
    const found = await tabs[0].run(async () => {
      const connection = new RTCPeerConnection();
      connection.createDataChannel("any");
      const candidate = new Promise((resolve) => {
        connection.onicecandidate = (event) => resolve(event.candidate?.candidate ?? "none");
      });
      await connection.setLocalDescription();
      return candidate.finally(() => connection.close());
    });
    assert.match(found, /\.local /, "addresses are hidden here");
    await meet(tabs[0], tabs[1]);
    await gather(world, tabs);
  });

  test("what is no invite of this room is refused, says why, and harms nothing", { timeout }, async () => {
    const { tabs } = await table([left, right], { secret });
    const [host, guest] = tabs;
    const { tabs: strangers } = await table([right]);
    await guest.put("mine", "kept", { level: "local" });
    const first = await invite(host);
    const second = await invite(host);
    const garbled = `${first.text.slice(0, 60)}${first.text.slice(61)}`;
    const newer = `C${first.text.slice(1)}`;
    const cases = [
      [await refused(guest, "hello, come in!"), "invalid-argument", /copy all of it/],
      [await refused(guest, ""), "invalid-argument", /copy all of it/],
      [await refused(guest, garbled), "invalid-argument", /copy all of it/],
      [await refused(guest, 7), "invalid-argument", /must be a string/],
      [await refused(guest, newer), "incompatible", /reload both pages/],
      [await refused(strangers[0], first.text), "denied", /another room/],
      [await refused(host, first.text), "invalid-argument", /own/],
      [await incomplete(host, first.place, "no answer"), "invalid-argument", /copy all of it/],
      [await incomplete(host, first.place, first.text), "invalid-argument", /an invite, not an answer/],
    ];
    const answer = await accept(guest, first.text);
    cases.push([await refused(guest, answer), "invalid-argument", /an answer, not an invite/]);
    cases.push([await incomplete(host, second.place, answer), "invalid-argument", /another invite/]);
    // White space is what copying adds.
    await complete(host, first.place, ` ${answer.slice(0, 99)}\n${answer.slice(99)}\n`);
    cases.push([await incomplete(host, first.place, answer), "invalid-argument", /has been completed/]);
    await gather(world, tabs);
    for (const [got, code, says] of cases) {
      assert.deepEqual([got.name, got.code], ["RoundtableError", code], got.message);
      assert.match(got.message, says);
    }
    assert.equal((await guest.get("mine")).value, "kept");
    assert.equal((await strangers[0].members()).length, 1);
  });

  test("of many open invites the oldest is let go, and a closed mesh makes none", { timeout }, async () => {
    const { tabs } = await table([left, right]);
    const [host, guest] = tabs;
    const made = [];
    for (let count = 0; count < 9; count++) made.push(await invite(host));
    const answer = await accept(guest, made[0].text);
    const late = await incomplete(host, made[0].place, answer);
    assert.equal(late.code, "timeout", late.message);
    assert.match(late.message, /make another/);
    const pending = host.run(async () => {
      const asked = window.mesh.createInvite().catch((error) => error.code);
      await window.mesh.close();
      return (await asked).text === undefined ? asked : "made just before";
    });
    assert.ok(["closed", "made just before"].includes(await pending));
    assert.equal((await failure(host, "create")).code, "closed");
    assert.equal((await refused(host, made[1].text)).code, "closed");
    assert.equal((await incomplete(host, made[1].place, answer)).code, "closed");
  });
});
