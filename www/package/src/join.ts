// Joining: from checked options to a running node.
import { errorFrom, RoundtableError } from "./error.js";
import { Events } from "./events.js";
import { NodeMesh } from "./mesh.js";
import type { JoinOptions, Mesh } from "./types.js";
import { completeJoinOptions } from "./validate.js";
import { loadWasm } from "./wasm.js";

/**
 * Resolves when local storage is open and this node can read and write alone; peers are found in the background.
 * Each call is a node of its own, also twice in one page. An abort or `close` releases the identity before it settles, so
 * that joining afterwards gets the same one back. Importing and calling this where there is no window is an error with a
 * code, never a crash at import.
 */
export async function join(options: JoinOptions): Promise<Mesh> {
  const complete = completeJoinOptions(options, rendezvousOfOrigin);
  const { signal } = options;
  if (signal?.aborted) throw aborted(signal);
  const wasm = await loadWasm();
  if (signal?.aborted) throw aborted(signal);
  const events = new Events();
  try {
    const peer = await wasm.join(complete, events.sink, signal);
    return new NodeMesh(complete.room, { wasm, peer }, events);
  } catch (thrown) {
    const error = errorFrom(thrown);
    throw error.code === "aborted" && signal !== undefined ? aborted(signal) : error;
  }
}

function aborted(signal: AbortSignal): RoundtableError {
  return new RoundtableError("aborted", "joining was aborted", { cause: signal.reason });
}

/** The rendezvous that served this page, if a server did. */
function rendezvousOfOrigin(): string[] {
  if (typeof location === "undefined" || !/^https?:$/.test(location.protocol)) return [];
  return [`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/rendezvous`];
}
