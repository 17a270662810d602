// Puts beside each file of a built directory what a server may send in its place: the same, compressed as well as it
// can be, once, rather than for every tab that asks.
//
//   node ../compress.js dist
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** What is not compressed already. */
const TEXT_AND_CODE = /\.(?:css|html|js|json|map|mjs|svg|wasm|webmanifest)$/;
/** Below this the saving is less than a packet. */
const WORTH_BYTES = 1_400;
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("say which directory: node ../compress.js dist");

for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !TEXT_AND_CODE.test(entry.name)) continue;
  const file = join(entry.parentPath, entry.name);
  const bytes = await readFile(file);
  if (bytes.length < WORTH_BYTES) continue;
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${file}.br`, brotliCompressSync(bytes, { params }));
  await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}
