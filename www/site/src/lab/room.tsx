// A new room: how many nodes on how many devices, how much each holds, N, R and W, the seed, and maybe a planted bug.
import { createSignal, For, type JSX, Show } from "solid-js";
import type { Plant } from "./contract";
import type { Desk } from "./desk";
import { levelOf, levels } from "./key";
import { firstWish, nets, nodesMax, type RoomWish, setupOf } from "./rooms";

export function NewRoom(props: { readonly desk: Desk; readonly onOpened: () => void }) {
  const { desk } = props;
  const [wish, setWish] = createSignal<RoomWish>(firstWish);
  const [problem, setProblem] = createSignal<string>();
  const set = (change: Partial<RoomWish>) => setWish((before) => ({ ...before, ...change }));
  const plants = (): readonly Plant[] => {
    try {
      return JSON.parse(desk.labs.plants());
    } catch (error) {
      desk.troubles.report("Listing what can be planted", error);
      return [];
    }
  };
  const open = (event: SubmitEvent) => {
    event.preventDefault();
    const made = setupOf(wish());
    if ("problem" in made) {
      setProblem(made.problem);
      return;
    }
    setProblem(undefined);
    const { setup } = made;
    if (desk.open("Opening the new room", () => new desk.labs(JSON.stringify(setup)), setup)) props.onOpened();
  };
  return (
    <form class="room-form" onSubmit={open} novalidate>
      <Numbered
        id="room-nodes"
        label="Nodes"
        says={`2 to ${nodesMax}; more may join while time runs`}
        value={wish().nodes}
        onChange={(nodes) => set({ nodes, devices: Math.min(wish().devices, nodes) || 1 })}
      />
      <Numbered
        id="room-devices"
        label="Devices"
        says="copies go to different devices first"
        value={wish().devices}
        onChange={(devices) => set({ devices })}
      />
      <Field id="room-capacity" label="Tokens of each" says="one number, or several in turn: 256, 128, 64 (§4.2)">
        <input
          id="room-capacity"
          data-testid="room-capacity"
          type="text"
          autocomplete="off"
          value={wish().capacity}
          onInput={(event) => set({ capacity: event.currentTarget.value })}
        />
      </Field>
      <Numbered
        id="room-n"
        label="N, copies of each key"
        says="how many nodes keep each key (§4.3)"
        value={wish().n}
        onChange={(n) => set({ n })}
      />
      <LevelField id="room-r" label="R, for a read" value={String(wish().r)} onChange={(r) => set({ r: levelOf(r) })} />
      <LevelField
        id="room-w"
        label="W, for a write"
        value={String(wish().w)}
        onChange={(w) => set({ w: levelOf(w) })}
      />
      <Numbered
        id="room-seed"
        label="Seed"
        says="the same seed is the same room, to the last bit"
        value={wish().seed}
        onChange={(seed) => set({ seed })}
      />
      <Field id="room-net" label="The network" says="how long a message is on its way">
        <select id="room-net" data-testid="room-net" onChange={(event) => set({ net: event.currentTarget.value })}>
          <For each={nets}>
            {(net) => (
              <option value={net.name} selected={net.name === wish().net}>
                {net.says}
              </option>
            )}
          </For>
        </select>
      </Field>
      <Field id="room-plant" label="Plant a bug" says="the checkers will stop time when it shows">
        <select
          id="room-plant"
          data-testid="room-plant"
          onChange={(event) => set({ plant: event.currentTarget.value })}
        >
          <option value="">none: the real thing</option>
          <For each={plants()}>
            {(plant) => (
              <option value={plant.name} selected={plant.name === wish().plant}>
                {plant.name}: {plant.about}
              </option>
            )}
          </For>
        </select>
      </Field>
      <Show when={problem()}>
        {(text) => (
          <p class="field-problem" role="alert" data-testid="room-problem">
            {text()}
          </p>
        )}
      </Show>
      <div class="actions">
        <button type="submit" class="primary" data-testid="room-open">
          Open the room
        </button>
      </div>
    </form>
  );
}

function Field(props: {
  readonly id: string;
  readonly label: string;
  readonly says: string;
  readonly children: JSX.Element;
}) {
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      {props.children}
      <span class="quiet field-says">{props.says}</span>
    </div>
  );
}

function Numbered(props: {
  readonly id: string;
  readonly label: string;
  readonly says: string;
  readonly value: number;
  readonly onChange: (value: number) => void;
}) {
  return (
    <Field id={props.id} label={props.label} says={props.says}>
      <input
        id={props.id}
        data-testid={props.id}
        type="text"
        inputmode="numeric"
        autocomplete="off"
        value={Number.isNaN(props.value) ? "" : props.value}
        onChange={(event) => props.onChange(Number(event.currentTarget.value.trim() || Number.NaN))}
      />
    </Field>
  );
}

function LevelField(props: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <Field id={props.id} label={props.label} says="how many answers are enough (§4.5)">
      <select id={props.id} data-testid={props.id} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <For each={levels}>
          {(level) => (
            <option value={level.value} selected={level.value === props.value}>
              {level.says}
            </option>
          )}
        </For>
      </select>
    </Field>
  );
}
