// What the tests stand on, where it gives way: a browser that does not start.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { within } from "./harness.mjs";

const harness = new URL("./harness.mjs", import.meta.url).href;

/** As most tests begin and end, with a program for a browser that ends at once. */
const script = `
  import { World } from ${JSON.stringify(harness)};
  const world = await World.open();
  const both = [world.profile("broken", undefined, { program: "/bin/false" }), world.profile("whole")];
  try {
    await Promise.all(both);
  } catch (error) {
    console.log("failed:", error.message.split("\\n")[0]);
  } finally {
    await world.close();
  }
`;

test("a file of which one browser does not start fails and ends, whatever else was starting", async () => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  }
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  try {
    const { code } = await within(60_000, "the process ends by itself", ended);
    assert.equal(code, 0, said);
    assert.match(said, /^failed: /m, "a browser that does not start is an error");
  } finally {
    child.kill("SIGKILL");
  }
});
