// How long it takes three tabs to know that a fourth, of a browser of its own, is gone.
import { gather, uniqueName } from "../browser/harness.mjs";

export async function gone({ world, near, far }, end) {
  const tabs = [await near.tab(), await near.tab(), await near.tab(), await far.tab()];
  const room = uniqueName();
  await Promise.all(tabs.map((tab) => tab.join(room)));
  await gather(world, tabs);
  const others = tabs.slice(0, 3);
  const watch = (id) => {
    window.known = new Promise((resolve) => {
      window.mesh.on("member", ({ member }) => {
        if (member.id === id && member.status !== "up") resolve(Date.now());
      });
    });
  };
  await Promise.all(others.map((tab) => tab.run(watch, tabs[3].id)));
  const began = Date.now();
  const ended = end(tabs[3]);
  const known = await Promise.all(others.map((tab) => tab.run(() => window.known)));
  await ended;
  tabs[3].profile.tabs = tabs[3].profile.tabs.filter((tab) => tab !== tabs[3]);
  return [{ ours: Math.max(...known) - began }];
}
