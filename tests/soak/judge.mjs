// What the fault soak and the crowd are judged by: who is thought to be there, what can still be read, what pages say.
import { writer } from "./page.mjs";

/** A device whose pages write when told to, and tell the oracle what was acknowledged. */
export async function openProfile(world, oracle) {
  const profile = await world.profile();
  await profile.context.addInitScript(writer);
  await profile.context.exposeBinding("acknowledge", (_, write) => oracle.take(write));
  return profile;
}

/** Whether all hold exactly these tabs to be up. */
export async function agree(tabs) {
  const here = tabs.map((tab) => tab.id).sort();
  const views = await Promise.all(tabs.map((tab) => tab.members()));
  const up = views.map((view) => view.filter(({ status }) => status === "up").map(({ id }) => id));
  return up.every((ids) => ids.sort().join() === here.join());
}

/** Whether each of these has a link with each other one. */
export async function meshed(tabs) {
  const views = await Promise.all(tabs.map((tab) => tab.members()));
  return views.every((view) => view.filter(({ linked }) => linked).length >= tabs.length - 1);
}

/** Which acknowledged writes a read misses in which of the tabs, where it had no quorum, and where tabs read differently. */
export async function losses(tabs, oracle) {
  const keys = oracle.keys;
  const all = await Promise.all(tabs.map((tab) => readAll(tab, keys)));
  return tabs.flatMap((tab, i) => {
    const missing = oracle.missing(keys, all[i]);
    const lost = missing.slice(0, 5).map((what) => `${tab.name} has lost ${what}`);
    if (missing.length > 5) lost.push(`${tab.name} has lost ${missing.length} acknowledged writes`);
    const unmet = all[i].filter(({ met }) => !met).length;
    if (unmet > 0) lost.push(`${tab.name} has read ${unmet} of ${keys.length} keys without a quorum`);
    const differs = all[i].findIndex(({ value }, at) => String(value) !== String(all[0][at].value));
    if (differs >= 0) lost.push(`${tab.name} and ${tabs[0].name} read "${keys[differs]}" differently`);
    return lost;
  });
}

/** In parts, each well within what a call may take. */
async function readAll(tab, keys) {
  const reads = [];
  for (let i = 0; i < keys.length; i += 100) {
    reads.push(...(await tab.run((keys) => window.readAll(keys), keys.slice(i, i + 100))));
  }
  return reads;
}

/** Errors of pages, but for those that the faults themselves are. */
export function complaints(world) {
  const isExpected = (error) => /the page crashed|ERR_CONNECTION_|WebSocket connection to/.test(error);
  const errors = world.profiles.flatMap((profile) => profile.takeErrors()).filter((error) => !isExpected(error));
  return errors.map((error) => `a page complains: ${error}`);
}

/** How long ago that was, for the log. */
export function seconds(began) {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}
