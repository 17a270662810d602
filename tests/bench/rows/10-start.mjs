// A tab whose database holds 100,000 keys, from asking to join until a key is read. The bar is in seconds; the browser's
// own `getAll` of the same rows is printed with `--json`.
import { startWith } from "../many.mjs";

export default {
  name: "a start with 100,000 keys, ready",
  unit: "ms",
  bar: { atMost: 2_000 },
  times: 3,
  measure: async ({ near }) => [await startWith(near, 100_000)],
};
