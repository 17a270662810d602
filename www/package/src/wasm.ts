// The wasm, fetched once, when first needed: importing the package works where there is no window. Its bindings come with
// the package's other scripts, so that the first tab does not ask for them one after the other.
import { RoundtableError } from "./error.js";
import * as wasm from "./roundtable_web.js";

export type Wasm = typeof import("./roundtable_web.js");

let loading: Promise<Wasm> | undefined;

export function loadWasm(): Promise<Wasm> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Wasm> {
  if (typeof window === "undefined" || typeof document === "undefined") {
    throw new RoundtableError(
      "unsupported",
      "a node lives in a browser tab: call join() in a page, where there is a window",
    );
  }
  if (typeof WebAssembly === "undefined") {
    throw new RoundtableError("unsupported", "this browser has no WebAssembly, or this page's policy forbids it");
  }
  try {
    // The bindings find their .wasm by new URL("…_bg.wasm", import.meta.url).
    await wasm.default();
    return wasm;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RoundtableError("unsupported", `the node's wasm could not be loaded: ${why}`, { cause });
  }
}
