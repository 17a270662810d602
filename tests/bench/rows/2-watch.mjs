// A write in one tab, until a watcher in another tab has been told of it. The other answers with a write that a watcher
// here is told of, so that one clock measures both ways; half of it is one write seen.
import { gather, uniqueName } from "../../browser/harness.mjs";
import { median } from "../judge.mjs";

const trips = 200;
const bytes = 100;

export default {
  name: "a write seen by a watcher in another tab, p50",
  unit: "ms",
  ofFloor: true,
  bar: { atMost: 3 },
  times: 3,
  async measure({ world, near }) {
    const pair = [await near.tab(), await near.tab()];
    const name = uniqueName("bare");
    const mesh = (name) =>
      window.bareMesh(name, 2).then(([channel]) => {
        window.channel = channel;
      });
    await Promise.all(pair.map((tab) => tab.run(mesh, name)));
    await pair[1].run(() => window.bareEcho(window.channel));
    const round = ([count, bytes]) => window.bareRoundTrips(window.channel, count, bytes);
    await pair[0].run(round, [50, bytes]);
    const floor = median(await pair[0].run(round, [trips, bytes]));
    await world.clear();

    const [a, b] = [await near.tab(), await near.tab()];
    const room = uniqueName();
    await Promise.all([a.join(room), b.join(room)]);
    await gather(world, [a, b]);
    await b.run(() => {
      const things = window.mesh.bucket("things");
      things.watch("ping", ({ value }) => value && things.put("pong", value, { level: "local" }));
    });
    const ours = await a.run(
      async ([count, bytes]) => {
        const things = window.mesh.bucket("things");
        const padding = "x".repeat(bytes - 10);
        let seen = () => {};
        things.watch("pong", ({ value }) => value && seen(value.i));
        const times = [];
        for (let i = 0; i < count + 50; i++) {
          const began = performance.now();
          await new Promise((resolve) => {
            seen = (which) => which === i && resolve();
            things.put("ping", { i, padding }, { level: "local" });
          });
          if (i >= 50) times.push((performance.now() - began) / 2);
        }
        return times;
      },
      [trips, bytes],
    );
    return [{ ours: median(ours), floor }];
  },
};
