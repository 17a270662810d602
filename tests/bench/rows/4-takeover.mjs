// A tab holds 10,000 entries of 100 bytes; one of another device joins. Until all are on the other's disk, counted there,
// from its asking to join. The floor is the same bytes over a bare channel, then into IndexedDB in transactions of 100.
import { uniqueName } from "../../browser/harness.mjs";

const count = 10_000;
/** Of a key of 11 bytes and its value. */
const rowBytes = 111;

/** How many rows are on the disk of the page's node. */
async function rowsOnDisk() {
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve, reject) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    try {
      if (!database.objectStoreNames.contains("objects")) continue;
      const rows = await new Promise((resolve, reject) => {
        const request = database.transaction("objects").objectStore("objects").count();
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      if (rows >= window.mesh.metrics().keys && rows > 0) return rows;
    } finally {
      database.close();
    }
  }
  return 0;
}

async function floorOf(near) {
  const pair = [await near.tab(), await near.tab()];
  // The listener is there before the channel opens, so that nothing is missed.
  const mesh = async ([name, wanted]) => {
    const [channel] = await window.bareMesh(name, 2);
    window.channel = channel;
    window.arrived = new Promise((resolve) => {
      let got = 0;
      channel.onmessage = ({ data }) => {
        got += data.byteLength;
        if (got >= wanted) resolve();
      };
    });
  };
  const name = uniqueName("bare");
  await Promise.all(pair.map((tab) => tab.run(mesh, [name, count * rowBytes])));
  const began = performance.now();
  const taken = pair[1].run(
    async ([name, count]) => {
      const database = await window.bareDatabase(name);
      await window.arrived;
      const rows = window.bareRows(count, 100);
      for (let i = 0; i < count; i += 100) await window.bareWrite(database, rows.slice(i, i + 100));
      database.close();
      indexedDB.deleteDatabase(name);
    },
    [name, count],
  );
  await pair[0].run(async (bytes) => {
    const chunk = new Uint8Array(16_000);
    window.channel.bufferedAmountLowThreshold = 64 * 1024;
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      if (window.channel.bufferedAmount > 256 * 1024) {
        await new Promise((resolve) => {
          window.channel.onbufferedamountlow = resolve;
        });
      }
      window.channel.send(chunk);
    }
  }, count * rowBytes);
  await taken;
  return performance.now() - began;
}

export default {
  name: "a fresh tab takes over 10,000 × 100 bytes, durable there",
  unit: "ms",
  ofFloor: true,
  bar: { atMost: 2 },
  times: 3,
  async measure({ world, near, far }) {
    const floor = await floorOf(near);
    await world.clear();
    const room = uniqueName();
    const holder = await near.tab("holder");
    await holder.join(room);
    await holder.run(async (count) => {
      const things = window.mesh.bucket("things");
      for (let i = 0; i < count; i += 500) {
        const put = (_, j) =>
          things.put(`key ${String(i + j).padStart(6, "0")}`, crypto.getRandomValues(new Uint8Array(100)));
        await Promise.all(Array.from({ length: 500 }, put));
      }
    }, count);
    const fresh = await far.tab("fresh");
    await fresh.run(() => import("/roundtable/index.js").then(() => undefined));
    const began = performance.now();
    await fresh.join(room);
    const all = (count) => window.mesh.metrics().keys === count;
    await world.until("the fresh tab holds all", () => fresh.run(all, count), { timeoutMs: 60_000, everyMs: 10 });
    const rows = () => fresh.run(rowsOnDisk);
    await world.until("they are on its disk", async () => (await rows()) === count, { timeoutMs: 30_000, everyMs: 10 });
    const ours = performance.now() - began;
    await fresh.settled(30_000);
    return [{ ours, floor }];
  },
};
