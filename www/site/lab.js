// Puts the simulator's wasm and its bindings under the lab's page, which loads them by a relative address and only there.
import { copyFile, mkdir } from "node:fs/promises";

const from = new URL("pkg/", import.meta.url);
const to = new URL("dist/lab/pkg/", import.meta.url);

await mkdir(to, { recursive: true });
for (const file of ["roundtable_lab.js", "roundtable_lab_bg.wasm"]) {
  await copyFile(new URL(file, from), new URL(file, to)).catch(() => {
    throw new Error(`www/site/pkg/${file} is missing: \`cargo xtask build\` makes it from crate/lab`);
  });
}
