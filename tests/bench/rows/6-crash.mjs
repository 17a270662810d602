// A tab's process is killed, without a word: until the last of three others suspects it.
import { gone } from "../gone.mjs";

export default {
  name: "crash of a tab known to the others",
  unit: "ms",
  bar: { atMost: 5_000 },
  times: 3,
  measure: (stage) =>
    gone(stage, async (tab) => {
      stage.world.expectErrors(/the page crashed/);
      const session = await tab.profile.context.newCDPSession(tab.page);
      const crashed = new Promise((resolve) => tab.page.once("crash", resolve));
      session.send("Page.crash").catch(() => {});
      await crashed;
    }),
};
