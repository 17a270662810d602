// The door to the simulator in wasm: fetched here and nowhere else, and what this browser lacks for it.
//
// The address is relative to the page, so that the lab works from any static host under any path.
import type { LabClass } from "./contract";

const moduleUrl = "pkg/roundtable_lab.js";

export type Opened =
  | { readonly is: "open"; readonly labs: LabClass }
  | { readonly is: "closed"; readonly why: string; readonly help: string };

let failures = 0;

/** The simulator, or a sentence that says why there is none and what to do. Never throws. */
export async function openDoor(): Promise<Opened> {
  if (typeof WebAssembly === "undefined") {
    return {
      is: "closed",
      why: "This browser has no WebAssembly, in which the lab's simulator runs.",
      help:
        "The lessons' texts need it too. Any browser of the last years has it, unless it is switched off (a lockdown " +
        "mode does so).",
    };
  }
  const url = new URL(moduleUrl, document.baseURI);
  // A module that failed to load may be remembered as failed, so each further try asks under a new name.
  if (failures > 0) url.searchParams.set("try", String(failures));
  try {
    const loaded: unknown = await import(/* @vite-ignore */ url.href);
    if (!isModule(loaded)) throw new Error(`${moduleUrl} was loaded, but it exports no Lab.`);
    await loaded.default();
    return { is: "open", labs: loaded.Lab };
  } catch (error) {
    failures++;
    return {
      is: "closed",
      why: `The simulator could not be loaded: ${error instanceof Error ? error.message : String(error)}`,
      help:
        "Whoever serves this page must serve the folder pkg beside it too. Try again once it is there; nothing is " +
        "lost.",
    };
  }
}

interface LabModule {
  default(): Promise<unknown>;
  readonly Lab: LabClass;
}

function isModule(loaded: unknown): loaded is LabModule {
  return (
    typeof loaded === "object" &&
    loaded !== null &&
    "default" in loaded &&
    typeof loaded.default === "function" &&
    "Lab" in loaded &&
    typeof loaded.Lab === "function"
  );
}
