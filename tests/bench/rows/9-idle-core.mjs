// For how much of a minute the main thread of an idle tab of eight is busy.
import { idle } from "../idle.mjs";

export default {
  name: "idle tab of 8: of one core",
  unit: "%",
  bar: { atMost: 0.5 },
  times: 1,
  measure: async (stage) => (await idle(stage)).map(({ percentOfCore }) => ({ ours: percentOfCore })),
};
