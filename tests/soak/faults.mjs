// The faults. Each takes the room and random numbers, does its harm, and leaves what ends by itself in `room.later`.
import { setTimeout as sleep } from "node:timers/promises";

/** A generator that is the same everywhere (mulberry32). */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, pick: (list) => list[below(list.length)], between: (low, high) => low + below(high - low) };
}

async function crash(room, random) {
  const tab = random.pick(room.awake());
  const session = await tab.profile.context.newCDPSession(tab.page);
  const crashed = new Promise((resolve) => tab.page.once("crash", resolve));
  // It never answers: the page is gone.
  session.send("Page.crash").catch(() => {});
  await Promise.race([crashed, sleep(5_000)]);
  await room.bury();
  return tab.name;
}

async function close(room, random) {
  const tab = random.pick(room.awake());
  room.forget(tab);
  await tab.page.close();
  return tab.name;
}

async function reload(room, random) {
  const tab = random.pick(room.awake());
  await tab.page.reload();
  await room.join(tab);
  return tab.name;
}

async function freeze(room, random) {
  const tab = random.pick(room.awake());
  const session = await tab.profile.context.newCDPSession(tab.page);
  tab.frozen = true;
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  const ms = random.between(1_000, 12_000);
  room.later(ms, async () => {
    if (!room.tabs.includes(tab)) return;
    await session.send("Page.setWebLifecycleState", { state: "active" });
    tab.frozen = false;
  });
  return `${tab.name} for ${ms} ms`;
}

async function duplicate(room, random) {
  const tab = random.pick(room.awake());
  const opened = tab.profile.context.waitForEvent("page");
  // Should the page die first, its death is what is told.
  opened.catch(() => {});
  await tab.run(() => {
    window.open(location.href);
  });
  const page = await opened;
  try {
    await page.waitForLoadState("domcontentloaded");
  } catch (error) {
    // It shares its opener's process, which may be about to die of the fault before: nothing of ours runs in it yet.
    await page.close().catch(() => {});
    return `${tab.name}, whose twin does not open: ${error.name}`;
  }
  const twin = room.adopt(tab.profile, page);
  await room.join(twin);
  if (twin.id === tab.id) throw new Error(`${twin.name} runs under the identity of ${tab.name}`);
  return `${tab.name} as ${twin.name}`;
}

async function cut(room, random) {
  const tabs = room.awake();
  const a = random.pick(tabs);
  const b = random.pick(tabs.filter((tab) => tab !== a));
  const both = (work) => Promise.all([work(a, b.id), work(b, a.id)]);
  await both((tab, id) => tab.cut(id));
  const ms = random.between(1_000, 10_000);
  const ids = [a.id, b.id];
  room.later(ms, async () => {
    for (const [tab, id] of [
      [a, ids[1]],
      [b, ids[0]],
    ]) {
      // A frozen page runs it when it is back; one that was reloaded has no cut to end, and perhaps no mesh as yet.
      const uncut = () => (room.tabs.includes(tab) ? tab.run((id) => window.mesh?.uncut(id), id) : undefined);
      if (tab.frozen) room.later(1_000, uncut);
      else await uncut();
    }
  });
  return `${a.name} and ${b.name} for ${ms} ms`;
}

async function rendezvous(room, random) {
  const ms = random.between(500, 4_000);
  await room.world.rendezvous.kill();
  await sleep(ms);
  await room.world.reviveRendezvous();
  return `for ${ms} ms`;
}

export const faults = { crash, close, reload, freeze, duplicate, cut, rendezvous };
