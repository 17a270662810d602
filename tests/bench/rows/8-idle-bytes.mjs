// What an idle tab of eight sends over its data channels.
import { idle } from "../idle.mjs";

export default {
  name: "idle tab of 8: sent",
  unit: "B/s",
  bar: { atMost: 2_048 },
  times: 1,
  measure: async (stage) => (await idle(stage)).map(({ bytesPerSecond }) => ({ ours: bytesPerSecond })),
};
