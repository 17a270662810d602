// One chart: a few lines over the last minute on one scale, and beside it what each line is and stands at now.
//
// SVG and not a canvas: colours, dashes and fonts come from the style sheet, so dark mode, forced colours and print need
// no code. Lines are told apart by their dashes as well as by colour; the picture is described by the list beside it.
import { createMemo, For } from "solid-js";
import { samplesMax } from "../peer/journal";

export interface Line {
  readonly name: string;
  readonly says?: string;
  readonly values: readonly number[];
}

const height = 100;

export function Chart(props: {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly write: (value: number) => string;
  readonly topMin: number; // the scale is never finer than this
}) {
  const top = createMemo(() => ceiling(Math.max(props.topMin, ...props.lines.flatMap((line) => line.values))));
  const path = (line: Line) => {
    const start = samplesMax - line.values.length;
    return line.values
      .map((value, i) => `${i === 0 ? "M" : "L"}${start + i} ${(height - (height * value) / top()).toFixed(1)}`)
      .join("");
  };
  return (
    <figure class="chart" data-testid="chart" data-samples={props.lines[0]?.values.length ?? 0}>
      <figcaption class="sr-only">{props.title}</figcaption>
      <div class="chart-frame">
        <span class="chart-top" aria-hidden="true">
          {props.write(top())}
        </span>
        <svg
          class="chart-lines"
          viewBox={`0 0 ${samplesMax - 1} ${height}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <For each={[0, 0.5, 1]}>
            {(at) => <line class="chart-grid" x1="0" x2={samplesMax - 1} y1={at * height} y2={at * height} />}
          </For>
          <For each={props.lines}>
            {(line, i) => <path class={`line-${i()}`} d={path(line)} vector-effect="non-scaling-stroke" />}
          </For>
        </svg>
        <span class="chart-foot" aria-hidden="true">
          <span>a minute ago</span>
          <span>now</span>
        </span>
      </div>
      <dl class="chart-key">
        <For each={props.lines}>
          {(line, i) => (
            <div data-testid={`chart-line-${line.name}`}>
              <dt>
                <svg class="chart-sample" viewBox="0 0 24 8" aria-hidden="true">
                  <path class={`line-${i()}`} d="M0 4H24" />
                </svg>
                {line.name} <span class="quiet">{line.says}</span>
              </dt>
              <dd>{props.write(line.values.at(-1) ?? 0)}</dd>
            </div>
          )}
        </For>
      </dl>
    </figure>
  );
}

/** The next number upwards that reads well: 1, 2 or 5 with zeros. */
function ceiling(value: number): number {
  const ten = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((step) => step * ten).find((step) => step >= value) ?? value;
}
