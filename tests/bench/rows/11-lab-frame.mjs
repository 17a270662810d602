// A frame of the lab's ring, script and paint: 64 nodes of 256 tokens and 500 messages on 1000 by 1000 pixels, without a
// GPU. The page itself measures (www/site/src/lab/bench.ts); what is judged is half of its frames.
export default {
  name: "a frame of the lab, 64 × 256, 500 messages",
  unit: "ms",
  bar: { atMost: 8 },
  times: 3,
  async measure({ near }) {
    const tab = await near.tab("bench", "/lab/?bench");
    await tab.page.waitForFunction(() => window.bench !== undefined);
    const { frameMs, frames } = await tab.run(() => window.bench);
    if (frames < 200) throw new Error(`only ${frames} frames were drawn`);
    return [{ ours: frameMs.half, of95: frameMs.of95 }];
  },
};
