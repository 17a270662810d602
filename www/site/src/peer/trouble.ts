// Whatever goes wrong is said. One bounded list of sentences that the page shows until the reader puts them away.
//
// Every rejection and throw of the package is a RoundtableError with a stable code and a message that says what to
// do; here it is paired with what the page was doing. Errors that reach nobody (a listener's, a forgotten promise's)
// end up here too.
import { createSignal } from "solid-js";

export interface Trouble {
  readonly id: number;
  readonly doing: string;
  readonly code: string | undefined;
  readonly message: string;
}

const troublesMax = 4;

export function createTroubles() {
  const [list, setList] = createSignal<readonly Trouble[]>([]);
  let next = 0;

  function report(doing: string, error: unknown): Trouble {
    const trouble = { id: next++, doing, ...describe(error) };
    // The same sentence twice is one trouble, not two.
    setList((before) =>
      [...before.filter((t) => t.doing !== doing || t.message !== trouble.message), trouble].slice(-troublesMax),
    );
    return trouble;
  }
  const dismiss = (id: number) => setList((before) => before.filter((t) => t.id !== id));

  window.addEventListener("error", (event) => {
    if (event.error !== undefined && event.error !== null) report("In the background", event.error);
  });
  window.addEventListener("unhandledrejection", (event) => {
    report("In the background", event.reason);
  });
  return { list, report, dismiss };
}
export type Troubles = ReturnType<typeof createTroubles>;

export function describe(error: unknown): { code: string | undefined; message: string } {
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    return { code, message: `${error.message || error.name}${cause}` };
  }
  return { code: undefined, message: String(error) };
}
