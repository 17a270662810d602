// What four tabs send over data channels for a put of 100 bytes with three copies, in a burst of fifty, gossip included.
import { gather, uniqueName } from "../../browser/harness.mjs";

const burst = 50;

export default {
  name: "bytes sent by all of 4 tabs per 100-byte put, N = 3",
  unit: "bytes",
  bar: { atMost: 600 },
  times: 5,
  async measure({ world, near, far }) {
    const tabs = [await near.tab(), await near.tab(), await far.tab(), await far.tab()];
    const room = uniqueName();
    await Promise.all(tabs.map((tab) => tab.join(room)));
    await gather(world, tabs);
    const sent = async () => {
      const each = await Promise.all(tabs.map((tab) => tab.run(() => window.sentBytes)));
      return each.reduce((sum, bytes) => sum + bytes, 0);
    };
    // The first write of a burst opens the mint; the joining's own traffic ends.
    await tabs[0].put("warm", 1, { level: "all" });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const before = await sent();
    await tabs[0].run(async (burst) => {
      const things = window.mesh.bucket("things");
      const put = (_, i) => things.put(`key ${i}`, crypto.getRandomValues(new Uint8Array(100)), { level: "all" });
      const receipts = await Promise.all(Array.from({ length: burst }, put));
      if (!receipts.every((receipt) => receipt.met)) throw new Error("a put did not reach all owners");
    }, burst);
    await Promise.all(tabs.map((tab) => tab.settled()));
    return [{ ours: ((await sent()) - before) / burst }];
  },
};
