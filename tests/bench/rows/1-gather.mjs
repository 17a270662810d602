// Eight tabs of one browser, from asking to join until each is linked with all others. The package's script is loaded
// beforehand, as the bare page's is; compiling the wasm and opening the storage are part of it.
import { uniqueName } from "../../browser/harness.mjs";

const tabCount = 8;

async function timed(tabs, work, argument) {
  const began = performance.now();
  await Promise.all(tabs.map((tab) => tab.run(work, argument)));
  return performance.now() - began;
}

async function open(near, count) {
  const tabs = [];
  for (let i = 0; i < count; i++) tabs.push(await near.tab());
  return tabs;
}

export default {
  name: "8 tabs ready, everyone linked",
  unit: "ms",
  ofFloor: true,
  bar: { atMost: 2.5 },
  times: 3,
  async measure({ world, near }) {
    const bareTabs = await open(near, tabCount);
    const floor = await timed(bareTabs, ([name, count]) => window.bareMesh(name, count).then(() => undefined), [
      uniqueName("bare"),
      tabCount,
    ]);
    await world.clear();
    const tabs = await open(near, tabCount);
    await Promise.all(tabs.map((tab) => tab.run(() => import("/roundtable/index.js").then(() => undefined))));
    const join = async ([room, peers]) => {
      const { join } = await import("/roundtable/index.js");
      window.mesh = await join({ room });
      await window.mesh.ready({ peers, timeoutMs: 25_000 });
    };
    const ours = await timed(tabs, join, [uniqueName(), tabCount - 1]);
    return [{ ours, floor }];
  },
};
