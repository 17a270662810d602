// A tab that starts with many keys, beside the browser's own `getAll` of the very same rows.
import { uniqueName } from "../browser/harness.mjs";

const step = 5_000;

/** Puts so many keys of 100 bytes with a node of `profile`, starts another on the same storage; the two times in ms. */
export async function startWith(profile, count) {
  const room = uniqueName();
  const tab = await profile.tab();
  await tab.join(room, { rendezvous: [] });
  for (let from = 0; from < count; from += step) await tab.run(fill, [from, Math.min(step, count - from)]);
  await tab.close();
  await tab.page.reload();
  const measured = await tab.run(start, [room, count]);
  await tab.page.close();
  return measured;
}

async function fill([from, count]) {
  const bucket = window.mesh.bucket("many");
  const put = (_, i) => bucket.put(`key ${from + i}`, String(from + i).padStart(98, "x"), { level: "local" });
  const receipts = await Promise.all(Array.from({ length: count }, put));
  if (!receipts.every((receipt) => receipt.met)) throw new Error("a put did not become durable");
}

async function start([room, count]) {
  const { join } = await import("/roundtable/index.js");
  // The wasm is compiled and the page warm: what is measured is the start.
  await (await join({ room: `${room} of nobody`, storage: "memory", rendezvous: [] })).close();
  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  let floor;
  for (const { name } of await indexedDB.databases()) {
    const began = performance.now();
    const database = await done(indexedDB.open(name));
    if (database.objectStoreNames.contains("objects")) {
      const store = database.transaction("objects").objectStore("objects");
      const [keys] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
      if (keys.length === count) floor = performance.now() - began;
    }
    database.close();
  }
  if (floor === undefined) throw new Error(`no database holds ${count} objects`);
  const began = performance.now();
  window.mesh = await join({ room, rendezvous: [] });
  const last = await window.mesh.bucket("many").get(`key ${count - 1}`, { level: "local" });
  const ours = performance.now() - began;
  if (window.mesh.metrics().keys !== count) throw new Error(`${window.mesh.metrics().keys} of ${count} keys are back`);
  if (last.value !== String(count - 1).padStart(98, "x")) throw new Error("the last key has another value");
  await window.mesh.close();
  return { ours, floor };
}
