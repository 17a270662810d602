// Calling the application's functions: never in the middle of ours, and never stopped by what they throw.

/** Call a listener; what it throws goes where uncaught errors go. */
export function call<T>(listener: (argument: T) => void, argument: T): void {
  try {
    listener(argument);
  } catch (error) {
    report(error);
  }
}

export function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}

/** Runs `task` once at the end of the current task, however often it is asked for until then. */
export function coalesced(task: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      task();
    });
  };
}
