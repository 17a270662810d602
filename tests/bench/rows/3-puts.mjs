// Puts of 100 bytes, durable on this node, asked for a hundred at a time: a tab alone, against transactions of 100.
import { uniqueName } from "../../browser/harness.mjs";

const batches = 40;

export default {
  name: "durable local puts, batches of 100",
  unit: "puts/s",
  ofFloor: true,
  bar: { atLeast: 0.7 },
  times: 5,
  async measure({ near }) {
    const bareTab = await near.tab();
    const floor = await bareTab.run(
      async ([name, batches]) => {
        const database = await window.bareDatabase(name);
        const rows = window.bareRows(100 * (batches + 5), 100);
        let began = 0;
        for (let i = 0; i < batches + 5; i++) {
          if (i === 5) began = performance.now();
          await window.bareWrite(database, rows.slice(100 * i, 100 * (i + 1)));
        }
        const rate = (100 * batches) / ((performance.now() - began) / 1000);
        database.close();
        indexedDB.deleteDatabase(name);
        return rate;
      },
      [uniqueName("bare"), batches],
    );
    await bareTab.page.close();
    const tab = await near.tab();
    await tab.join(uniqueName(), { rendezvous: [] });
    const ours = await tab.run(async (batches) => {
      const things = window.mesh.bucket("things");
      const values = Array.from({ length: 100 }, () => crypto.getRandomValues(new Uint8Array(100)));
      let began = 0;
      for (let i = 0; i < batches + 5; i++) {
        if (i === 5) began = performance.now();
        const put = (value, j) => things.put(`key ${String(100 * i + j).padStart(6, "0")}`, value, { level: "local" });
        const receipts = await Promise.all(values.map(put));
        if (!receipts.every((receipt) => receipt.met)) throw new Error("a put did not become durable");
      }
      return (100 * batches) / ((performance.now() - began) / 1000);
    }, batches);
    return [{ ours, floor }];
  },
};
