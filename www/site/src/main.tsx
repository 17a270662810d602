// Where the page begins. If drawing itself fails, a sentence stands where the page would be: never a blank one.
import { ErrorBoundary, render } from "solid-js/web";
import { App } from "./app";
import { describe } from "./peer/trouble";
import "./style/live.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no element with the id app");
root.replaceChildren();
render(
  () => (
    <ErrorBoundary
      fallback={(error: unknown) => (
        <main class="before-script" role="alert">
          <h1>The page could not be drawn.</h1>
          <p>{describe(error).message}</p>
          <p>What this browser keeps of the room is untouched; reload to try again.</p>
        </main>
      )}
    >
      <App />
    </ErrorBoundary>
  ),
  root,
);
