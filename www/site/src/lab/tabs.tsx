// The panels beside the ring, one at a time, as tabs: arrows move between them, as everywhere.
import { createUniqueId, For, type JSX } from "solid-js";
import { type Desk, type Panel, panels } from "./desk";

const titles: Readonly<Record<Panel, string>> = {
  act: "Act",
  key: "Key",
  nodes: "Nodes",
  time: "Space-time",
  log: "Log",
  figures: "Figures",
};

export function Tabs(props: { readonly desk: Desk; readonly show: (panel: Panel) => JSX.Element }) {
  const { desk } = props;
  const id = createUniqueId();
  let list!: HTMLDivElement;
  const move = (event: KeyboardEvent) => {
    const at = panels.indexOf(desk.panel());
    const to =
      event.key === "ArrowRight"
        ? (at + 1) % panels.length
        : event.key === "ArrowLeft"
          ? (at + panels.length - 1) % panels.length
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? panels.length - 1
              : undefined;
    const panel = to === undefined ? undefined : panels[to];
    if (panel === undefined) return;
    event.preventDefault();
    desk.setPanel(panel);
    list.querySelector<HTMLElement>(`[data-panel="${panel}"]`)?.focus();
  };
  return (
    <div class="panels">
      <h2 class="sr-only">Panels</h2>
      <div class="tabs" role="tablist" aria-label="Panels" ref={list} onKeyDown={move}>
        <For each={panels}>
          {(panel) => (
            <button
              type="button"
              role="tab"
              class="tab"
              id={`${id}-${panel}`}
              data-panel={panel}
              data-testid={`tab-${panel}`}
              aria-selected={desk.panel() === panel}
              aria-controls={`${id}-panel`}
              tabindex={desk.panel() === panel ? 0 : -1}
              onClick={() => desk.setPanel(panel)}
            >
              {titles[panel]}
            </button>
          )}
        </For>
      </div>
      <div
        class="panel"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${desk.panel()}`}
        data-testid="panel"
        data-panel={desk.panel()}
        tabindex="0"
      >
        {props.show(desk.panel())}
      </div>
    </div>
  );
}
