// Every rejection and every synchronous throw of the package is a RoundtableError with a stable code.
import type { Failure } from "./roundtable_web.js";
import type { ErrorCode } from "./types.js";

const codes: ReadonlySet<string> = new Set<ErrorCode>([
  "invalid-argument",
  "too-large",
  "quota",
  "storage",
  "closed",
  "timeout",
  "denied",
  "clock",
  "incompatible",
  "aborted",
  "merge",
  "unsupported",
]);

/** What went wrong: `code` is stable, the message says what to do. What `merge` or `change` threw is the `cause`. */
export class RoundtableError extends Error {
  declare readonly name: "RoundtableError";
  readonly code: ErrorCode;

  static {
    Object.defineProperty(RoundtableError.prototype, "name", { value: "RoundtableError", configurable: true });
  }

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function invalid(message: string): RoundtableError {
  return new RoundtableError("invalid-argument", message);
}

export function closed(): RoundtableError {
  return new RoundtableError("closed", "this mesh was closed; join again to go on");
}

/** What the wasm threw or answered, as an error of ours. Anything but `{code, message}` is a defect and says so. */
export function errorFrom(thrown: unknown): RoundtableError {
  if (thrown instanceof RoundtableError) return thrown;
  if (isFailure(thrown)) return new RoundtableError(thrown.code, thrown.message);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new RoundtableError("storage", `this node failed (${message}); reload the page, and please report it`, {
    cause: thrown,
  });
}

/** Call into the wasm. */
export function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw errorFrom(thrown);
  }
}

function isFailure(thrown: unknown): thrown is Failure & { code: ErrorCode } {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown) || !("message" in thrown)) return false;
  return typeof thrown.code === "string" && codes.has(thrown.code) && typeof thrown.message === "string";
}
