// One run of the soak: a room of tabs on several devices that write without a pause, faults one after another, then
// peace, and the judgement.
//
// The seed chooses the faults and whom they hit; what the browser and the machine make of the times is not in its hand,
// so a seed tells where to look and not what will happen.
import { setTimeout as sleep } from "node:timers/promises";
import { uniqueName, World, within } from "../browser/harness.mjs";
import { faults, generator } from "./faults.mjs";
import { agree, complaints, losses, openProfile, seconds } from "./judge.mjs";
import { Oracle } from "./oracle.mjs";

const tabCount = 8;
const tabCountMax = 10;
const profileCount = 3;
/** Between two writes of a tab, on average, and what each asks for in turn. */
const pace = { pauseMs: 250, levels: ["local", "quorum", "quorum"] };
const peaceMs = 90_000;

class Room {
  tabs = [];
  name = uniqueName("soak");
  #count = 0;
  #pending = new Set();
  failures = [];

  constructor(world, log) {
    this.world = world;
    this.log = log;
  }

  awake() {
    return this.tabs.filter((tab) => !tab.frozen);
  }

  async open(profile) {
    this.#count += 1;
    const tab = await profile.tab(`t${this.#count}`);
    this.tabs.push(tab);
    await this.join(tab);
    return tab;
  }

  adopt(profile, page) {
    this.#count += 1;
    const tab = profile.adopt(page, `t${this.#count}`);
    this.tabs.push(tab);
    return tab;
  }

  /** Each life of a tab writes under a name of its own. */
  async join(tab) {
    tab.life = (tab.life ?? 0) + 1;
    await tab.join(this.name);
    await tab.run(([name, pace]) => window.startWriting(name, pace), [`${tab.name}-${tab.life}`, pace]);
  }

  forget(tab) {
    this.tabs = this.tabs.filter((other) => other !== tab);
    tab.profile.tabs = tab.profile.tabs.filter((other) => other !== tab);
  }

  /** Lets go of the tabs whose process is gone: a browser may run several in one. */
  async bury() {
    for (const tab of [...this.tabs]) {
      if (!tab.crashed) continue;
      this.forget(tab);
      await within(5_000, `${tab.name} is put away`, tab.page.close()).catch(() => {});
    }
  }

  /** As many tabs as there should be, on every device at least one. */
  async level() {
    await this.bury();
    for (const profile of this.world.profiles) {
      if (!this.tabs.some((tab) => tab.profile === profile)) await this.open(profile);
    }
    while (this.tabs.length < tabCount) {
      const fewest = [...this.world.profiles].sort((a, b) => a.tabs.length - b.tabs.length)[0];
      await this.open(fewest);
    }
    while (this.tabs.length > tabCountMax) {
      const [first] = this.awake();
      this.forget(first);
      await first.page.close();
    }
  }

  later(ms, work) {
    const task = sleep(ms)
      .then(work)
      .catch((error) => this.failures.push(`what was to be undone: ${error.message}`))
      .finally(() => this.#pending.delete(task));
    this.#pending.add(task);
  }

  async quiet() {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}

/** `log` is told what is done. Resolves with the summary; `summary.failures` is empty if all is well. */
export async function soak({ faultCount, seed, log }) {
  const began = performance.now();
  const random = generator(seed);
  const oracle = new Oracle();
  const kinds = Object.fromEntries(Object.keys(faults).map((kind) => [kind, 0]));
  const world = await World.open();
  try {
    const room = new Room(world, log);
    for (let i = 0; i < profileCount; i++) await openProfile(world, oracle);
    for (let i = 0; i < tabCount; i++) await room.open(world.profiles[i % profileCount]);
    await sleep(2_000);
    for (let i = 0; i < faultCount; i++) {
      const kind = random.pick(Object.keys(faults));
      kinds[kind] += 1;
      try {
        log(`${seconds(began)} ${i + 1} ${kind} ${await faults[kind](room, random)}`);
        await sleep(random.between(100, 1_500));
        await room.level();
      } catch (error) {
        log(`${seconds(began)} ${i + 1} ${kind} failed: ${error.message}`);
        room.failures.push(`fault ${i + 1}, ${kind}: ${error.message}`);
      }
    }
    const failures = await judge(room, oracle, began, log);
    return {
      seed,
      faults: faultCount,
      kinds,
      tabs: room.tabs.length,
      profiles: profileCount,
      ...numbers(oracle),
      failures,
    };
  } finally {
    await world.close();
  }

  function numbers({ writes, acknowledged }) {
    return { writes, acknowledged, seconds: Math.round((performance.now() - began) / 1000) };
  }
}

async function judge(room, oracle, began, log) {
  const { world } = room;
  await room.quiet();
  await room.bury();
  // Whatever closed tabs have left is taken up by these.
  for (const profile of world.profiles) await room.open(profile);
  await Promise.all(room.tabs.map((tab) => tab.run(() => window.stopWriting())));
  log(`${seconds(began)} peace: ${room.tabs.length} tabs, ${oracle.acknowledged} writes acknowledged`);
  const failures = [...room.failures, ...oracle.errors.map((error) => `a write was refused: ${error}`)];
  const peace = performance.now();
  try {
    await world.until("all agree on who is up", () => agree(room.tabs), { timeoutMs: peaceMs, everyMs: 250 });
    await Promise.all(room.tabs.map((tab) => tab.settled(25_000)));
  } catch (error) {
    failures.push(`they do not converge: ${error.message}`);
  }
  log(`${seconds(began)} converged after ${Math.round(performance.now() - peace)} ms`);
  failures.push(...(await losses(room.tabs, oracle)));
  log(`${seconds(began)} read ${oracle.keys.length} keys in ${room.tabs.length} tabs`);
  failures.push(...complaints(world));
  return failures;
}
