// Puts the wasm and its bindings beside the compiled TypeScript, so that every import stays within dist.
import { copyFile, readdir } from "node:fs/promises";

const from = new URL("pkg/", import.meta.url);
const to = new URL("dist/", import.meta.url);

const files = await readdir(from).catch(() => {
  throw new Error("www/package/pkg is missing: `cargo xtask build` makes it from crate/web");
});
for (const file of files.filter((name) => /^roundtable_web(_bg)?\.(js|wasm|d\.ts|wasm\.d\.ts)$/.test(name))) {
  await copyFile(new URL(file, from), new URL(file, to));
}
