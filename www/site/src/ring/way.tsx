// Lines across the table: the links this tab has, and the way of one key from the rim to its owners.
import { For } from "solid-js";
import {
  arcPath,
  arrowPath,
  band,
  captionPath,
  type Layout,
  leaderPath,
  type Point,
  pointAt,
  rimOffset,
  towards,
} from "./geometry";
import type { KeyWay, Seat } from "./model";

const captionLengthMax = 30;

/** Straight lines through the table: the data channels that this tab has open. */
export function Links(props: { seats: readonly Seat[]; from: Point; at: (id: string) => Point; layout: Layout }) {
  return (
    <g class="links">
      <For each={props.seats.filter((seat) => seat.linked && !seat.self)}>
        {(seat) => {
          const ends = () => {
            const to = props.at(seat.id);
            return {
              a: towards(props.from, to, props.layout.seat + 4),
              b: towards(to, props.from, props.layout.seat + 4),
            };
          };
          return <line class="link" x1={ends().a.x} y1={ends().a.y} x2={ends().b.x} y2={ends().b.y} />;
        }}
      </For>
    </g>
  );
}

/** A key's pin on the rim, its walk clockwise, and a line to every owner. */
export function Way(props: {
  way: KeyWay;
  ids: readonly string[];
  at: (id: string) => Point;
  layout: Layout;
  confirmed: readonly string[];
}) {
  const end = () => props.way.steps.at(-1)?.token.position ?? props.way.position;
  const pin = () => pointAt(props.way.position, props.layout.outer + rimOffset);
  const foot = () => pointAt(props.way.position, props.layout.inner - 2);
  const caption = () => {
    const text = `${props.way.bucket} / ${props.way.key}`;
    return text.length > captionLengthMax ? `${text.slice(0, captionLengthMax - 1)}…` : text;
  };
  return (
    <g class="way">
      <path class="walk" d={arcPath(props.way.position, end(), props.layout.outer + rimOffset)} />
      <path class="arrow" d={arrowPath(end(), props.layout)} />
      <line class="drop under" x1={pin().x} y1={pin().y} x2={foot().x} y2={foot().y} />
      <line class="drop" x1={pin().x} y1={pin().y} x2={foot().x} y2={foot().y} />
      <For each={props.way.owners}>
        {(id) => (
          <path
            class="leader"
            classList={{ confirmed: props.confirmed.includes(id) }}
            d={leaderPath(props.way.position, props.at(id), props.layout)}
          />
        )}
      </For>
      <For each={props.way.steps.filter((step) => step.verdict === "owner")}>
        {(step) => {
          const dot = () =>
            pointAt(step.token.position, band(props.ids.indexOf(step.token.id), props.ids.length, props.layout).radius);
          return <circle class="found" cx={dot().x} cy={dot().y} r="3.5" />;
        }}
      </For>
      <circle class="pin" cx={pin().x} cy={pin().y} r="6.5" />
      <path id="ring-caption" class="caption-path" d={captionPath(props.way.position, props.layout)} />
      <text class="caption" font-size={String(props.layout.text)}>
        <textPath href="#ring-caption" startOffset="50%" text-anchor="middle">
          {caption()}
        </textPath>
      </text>
    </g>
  );
}
