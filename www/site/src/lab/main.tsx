// Where the lab begins. Whatever fails, a sentence stands where the page would be: never a blank one.
import { ErrorBoundary, render } from "solid-js/web";
import { describe } from "../peer/trouble";
import { App } from "./app";
import { openDoor } from "./door";
import { keepOffline } from "./offline";
import "../style/base.css";
import "../style/hero.css";
import "../style/ring.css";
import "../style/parts.css";
import "../style/figures.css";
import "./lab.css";
import "./stage.css";
import "./transport.css";
import "./panels.css";
import "./lesson.css";
import "./sheets.css";

const root = document.getElementById("app");
if (root === null) throw new Error("lab/index.html has no element with the id app");
if (new URLSearchParams(location.search).has("bench")) {
  await (await import("./bench")).bench(root);
} else {
  await begin(root);
  keepOffline();
}

async function begin(root: HTMLElement) {
  const opened = await openDoor();
  root.replaceChildren();
  if (opened.is === "closed") {
    render(() => <Closed why={opened.why} help={opened.help} again={() => void begin(root)} />, root);
    return;
  }
  render(
    () => (
      <ErrorBoundary
        fallback={(error: unknown) => (
          <Closed
            why={`The lab could not be drawn: ${describe(error).message}`}
            help="Reload to try again; if this came from a link, the lab without it still opens."
            again={() => location.reload()}
          />
        )}
      >
        <App labs={opened.labs} />
      </ErrorBoundary>
    ),
    root,
  );
}

function Closed(props: { readonly why: string; readonly help: string; readonly again: () => void }) {
  return (
    <main class="before-script" data-testid="closed">
      <h1>The lab is closed here.</h1>
      <div role="alert">
        <p>{props.why}</p>
        <p>{props.help}</p>
      </div>
      <p class="actions">
        <button type="button" onClick={() => props.again()}>
          Try again
        </button>
        <a class="button" href="../">
          To the live page
        </a>
      </p>
    </main>
  );
}
