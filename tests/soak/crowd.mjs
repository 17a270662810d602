// The crowd: many tabs on several devices that come within seconds, agree, read each other's writes, and go on when a
// quarter of them crashes or closes while all write.
//
// Those that go are of two devices and go within seconds, too fast for anything to be moved in between, and no tab of
// their devices is opened again. What a quorum had of a write must therefore be with the rest.
import { setTimeout as sleep } from "node:timers/promises";
import { uniqueName, World, within } from "../browser/harness.mjs";
import { generator } from "./faults.mjs";
import { agree, complaints, losses, meshed, openProfile, seconds } from "./judge.mjs";
import { Oracle } from "./oracle.mjs";

/** The bars: from the last join until all agree and are linked, and from the last end of a tab until all agree. */
export const agreeMs = 5_000;
export const recoverMs = 30_000;
/** A tab writes once in this time, on average; all of it is to be acknowledged by a quorum. */
const pace = { pauseMs: 1_000, levels: ["quorum"] };
/** How long all write before the first one goes, and how long the others write on once they agree. */
const writeMs = 5_000;
const betweenMs = 1_000;
const pollMs = 100;
/** Up to so many tabs are all linked with each other. */
const meshMax = 24;

/** `tabs` over `profiles`, of which a quarter goes. Resolves with the summary; `summary.failures` is empty if all holds. */
export async function crowd({ tabs: tabCount, profiles: profileCount, seed, log }) {
  const began = performance.now();
  const oracle = new Oracle();
  const failures = [];
  const world = await World.open();
  const say = (what) => log(`${seconds(began)} ${what}`);
  try {
    await Promise.all(Array.from({ length: profileCount }, () => openProfile(world, oracle)));
    const tabs = await come(world, tabCount);
    const joinMs = Math.round(performance.now() - began);
    say(`${tabs.length} tabs have joined on ${profileCount} profiles`);
    const joined = performance.now();
    const agreedMs = await agreement(world, tabs, agreeMs);
    say(`all agreed ${agreedMs} ms after the last had joined`);
    if (agreedMs > agreeMs) failures.push(`all agreed ${agreedMs} ms after the last joined: the bar is ${agreeMs} ms`);

    // Not all are linked with all by now: who asks an owner that it has no link with yet waits for that.
    const [readMs, linkedMs] = await Promise.all([
      readEverywhere(tabs, oracle, failures),
      tabs.length <= meshMax ? linked(world, tabs, joined) : null,
    ]);
    say(`a put of each was read by all within ${readMs} ms`);
    if (linkedMs !== null) say(`all were linked with all ${linkedMs} ms after the last had joined`);
    if (linkedMs > agreeMs)
      failures.push(`all were linked ${linkedMs} ms after the last joined: the bar is ${agreeMs} ms`);

    await Promise.all(tabs.map((tab) => tab.run(([name, pace]) => window.startWriting(name, pace), [tab.name, pace])));
    await sleep(writeMs);
    const rest = await thinOut(world, tabs, Math.floor(tabCount / 4), generator(seed), say);
    const recoveredMs = await agreement(world, rest, recoverMs);
    say(`the ${rest.length} others agreed ${recoveredMs} ms after the last death`);
    if (recoveredMs > recoverMs) failures.push(`the rest agreed after ${recoveredMs} ms: the bar is ${recoverMs} ms`);

    await sleep(writeMs);
    await Promise.all(rest.map((tab) => tab.run(() => window.stopWriting())));
    failures.push(...oracle.errors.map((error) => `a write was refused: ${error}`));
    failures.push(...(await losses(rest, oracle)));
    say(`${oracle.keys.length} keys with ${oracle.acknowledged} acknowledged writes were read by ${rest.length} tabs`);
    failures.push(...complaints(world));
    const { writes, acknowledged } = oracle;
    const times = {
      joinMs,
      agreedMs,
      readMs,
      linkedMs,
      recoveredMs,
      seconds: Math.round((performance.now() - began) / 1000),
    };
    return {
      seed,
      tabs: tabCount,
      profiles: profileCount,
      left: rest.length,
      writes,
      acknowledged,
      ...times,
      failures,
    };
  } finally {
    await world.close();
  }
}

/** On all devices at once one tab after another, as many on each as on any other, each joining as soon as it is open. */
async function come(world, count) {
  const room = uniqueName("crowd");
  const share = (i) => Math.floor(count / world.profiles.length) + (i < count % world.profiles.length ? 1 : 0);
  const opened = await Promise.all(
    world.profiles.map(async (profile, i) => {
      const tabs = [];
      while (tabs.length < share(i)) {
        const tab = await profile.tab(`t${i + 1}.${tabs.length + 1}`);
        await tab.join(room);
        tabs.push(tab);
      }
      return tabs;
    }),
  );
  return opened.flat();
}

/** How long it takes until all hold exactly these to be up. It is waited for beyond the bar, so that a miss has a figure. */
async function agreement(world, tabs, barMs) {
  const began = performance.now();
  const patience = { timeoutMs: barMs + 60_000, everyMs: pollMs };
  await world.until(`${tabs.length} tabs agree on who is up`, () => agree(tabs), patience);
  return Math.round(performance.now() - began);
}

/** Until each has a link with each other one: how long after that moment. */
async function linked(world, tabs, since) {
  const patience = { timeoutMs: 60_000, everyMs: pollMs };
  await world.until(`${tabs.length} tabs are all linked with each other`, () => meshed(tabs), patience);
  return Math.round(performance.now() - since);
}

/** Each puts a key of its own, and each reads all of them. */
async function readEverywhere(tabs, oracle, failures) {
  const began = performance.now();
  const key = (tab) => `hello of ${tab.name}`;
  const receipts = await Promise.all(tabs.map((tab) => tab.put(key(tab), [key(tab)], { level: "quorum" })));
  const met = receipts.map(({ met }) => met);
  for (const [i, tab] of tabs.entries()) {
    oracle.take({ key: key(tab), id: key(tab), met: met[i] });
    if (!met[i]) failures.push(`${tab.name} has no quorum for a put`);
  }
  failures.push(...(await losses(tabs, oracle)));
  return Math.round(performance.now() - began);
}

/**
 * So many of two devices go, one after another, by a crash or a close. Resolves with the others.
 *
 * Of two: what three owners on three devices hold outlives two of them, and no more is promised. What only closed tabs
 * hold is there again when their device opens one; the soak of faults shows that.
 */
async function thinOut(world, tabs, count, random, say) {
  const first = random.below(world.profiles.length);
  const second = (first + 1 + random.below(world.profiles.length - 1)) % world.profiles.length;
  const devices = [world.profiles[first], world.profiles[second]];
  const rest = [...tabs];
  const gone = () => tabs.length - rest.length;
  while (gone() < count) {
    const fuller = [...devices].sort((a, b) => b.tabs.length - a.tabs.length)[0];
    const tab = random.pick(fuller.tabs);
    if (random.below(2) === 0) await crash(tab);
    else await tab.page.close();
    // A browser may run several tabs in one process, which then die together.
    const dead = rest.filter((other) => other === tab || other.crashed);
    for (const other of dead) {
      rest.splice(rest.indexOf(other), 1);
      other.profile.tabs.splice(other.profile.tabs.indexOf(other), 1);
    }
    say(`${dead.map(({ name }) => name).join(", ")} ${tab.crashed ? "crashed" : "closed"}`);
    if (gone() < count) await sleep(random.below(2 * betweenMs));
  }
  return rest;
}

async function crash(tab) {
  const session = await tab.profile.context.newCDPSession(tab.page);
  const crashed = new Promise((resolve) => tab.page.once("crash", resolve));
  // It never answers: the page is gone.
  session.send("Page.crash").catch(() => {});
  await within(5_000, `${tab.name} crashes`, crashed);
}
