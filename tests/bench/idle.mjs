// Eight tabs that do nothing for a minute: what each sends, and for how long its main thread is busy. Measured once and
// judged by two rows.
import { setTimeout as sleep } from "node:timers/promises";
import { gather, uniqueName } from "../browser/harness.mjs";

const spanMs = 60_000;
let measured;

/** { bytesPerSecond, percentOfCore }[], one a tab. */
export function idle(stage) {
  measured ??= measure(stage);
  return measured;
}

async function measure({ world, near, far }) {
  const tabs = [];
  for (let i = 0; i < 8; i++) tabs.push(await (i < 4 ? near : far).tab());
  const room = uniqueName();
  await Promise.all(tabs.map((tab) => tab.join(room)));
  await gather(world, tabs);
  await sleep(5_000);
  const sessions = await Promise.all(tabs.map((tab) => tab.profile.context.newCDPSession(tab.page)));
  await Promise.all(sessions.map((session) => session.send("Performance.enable")));
  const look = (tab, session) => async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const seconds = metrics.find(({ name }) => name === "TaskDuration").value;
    return { at: performance.now(), seconds, bytes: await tab.run(() => window.sentBytes) };
  };
  const looks = tabs.map((tab, i) => look(tab, sessions[i]));
  const before = await Promise.all(looks.map((look) => look()));
  await sleep(spanMs);
  const after = await Promise.all(looks.map((look) => look()));
  return before.map((was, i) => {
    const span = (after[i].at - was.at) / 1000;
    return {
      bytesPerSecond: (after[i].bytes - was.bytes) / span,
      percentOfCore: (100 * (after[i].seconds - was.seconds)) / span,
    };
  });
}
