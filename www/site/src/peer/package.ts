// The door to the package `roundtable`: its types at build time, its module at run time, and what this browser lacks.
//
// The page is a guest like any other: it imports /roundtable/index.js from its own origin and uses the public
// contract, plus what exists for panels and classrooms only (`ring`, `position`, `vitals`, `held`, `pause`). Nothing of the protocol is known here.
import type * as Roundtable from "roundtable";

export type {
  CounterBucket,
  Held,
  Level,
  Member,
  Mesh,
  Metrics,
  Outcome,
  Read,
  Receipt,
  Status,
  Token,
  Value,
  Vitals,
} from "roundtable";
export type Package = Pick<typeof Roundtable, "join" | "RoundtableError">;

// A variable, so that no bundler follows it.
const packageUrl = "/roundtable/index.js";

let failures = 0;

export async function loadPackage(): Promise<Package> {
  // A module that failed to load may be remembered as failed, so each further try asks under a new name.
  const url = failures === 0 ? packageUrl : `${packageUrl}?try=${failures}`;
  let loaded: unknown;
  try {
    loaded = await import(/* @vite-ignore */ url);
  } catch (error) {
    failures++;
    throw error;
  }
  if (typeof loaded === "object" && loaded !== null && "join" in loaded && typeof loaded.join === "function") {
    return loaded as Package;
  }
  throw new Error(`${packageUrl} was loaded, but it exports no "join".`);
}

export type StorageChoice = "indexeddb" | "memory";

export interface Abilities {
  readonly storage: StorageChoice;
  readonly notices: readonly Notice[];
}

export interface Notice {
  readonly id: "insecure" | "no-indexeddb" | "no-webrtc" | "no-wasm";
  readonly title: string;
  readonly text: string;
}

/** What this browser, at this address, lets a tab do; each lack as a sentence with what still works. */
export function abilities(): Abilities {
  const notices: Notice[] = [];
  let storage: StorageChoice = "indexeddb";
  if (typeof WebAssembly === "undefined") {
    notices.push({
      id: "no-wasm",
      title: "No WebAssembly.",
      text: "This browser cannot run the store itself. You can still read this page and pass on the room's link.",
    });
  }
  if (!window.isSecureContext) {
    storage = "memory";
    notices.push({
      id: "insecure",
      title: "Memory only.",
      text:
        "This page came over plain http, where browsers give a tab no identity to keep. Everything works, but what " +
        "this tab holds is gone when it closes, so keep another tab open. Over https it would stay.",
    });
  } else if (typeof indexedDB === "undefined") {
    storage = "memory";
    notices.push({
      id: "no-indexeddb",
      title: "Memory only.",
      text:
        "This browser offers no IndexedDB (some do so in private windows). Everything works, but what this tab holds " +
        "is gone when it closes, so keep another tab open.",
    });
  }
  if (typeof RTCPeerConnection === "undefined") {
    notices.push({
      id: "no-webrtc",
      title: "No links.",
      text:
        "This browser has no WebRTC, so this tab cannot link to others. It works alone: what you write is kept here " +
        "and nothing is refused.",
    });
  }
  return { storage, notices };
}
