// A tab is closed: until the last of three others knows.
import { gone } from "../gone.mjs";

export default {
  name: "a clean close known to the others",
  unit: "ms",
  bar: { atMost: 200 },
  times: 3,
  measure: (stage) => gone(stage, (tab) => tab.page.close()),
};
