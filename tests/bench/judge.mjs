// What a row of the benchmark is, how it is judged, and how it is shown.
//
// A row measures something several times, each time beside its floor, and is judged by the median: of the ratios where
// there is a floor, of the figures where the bar is absolute. A machine that is busy slows both sides of a ratio.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * `runs`: { ours, floor? }[]. `bar`: { atMost } or { atLeast }, of ours / floor if `ofFloor`, else of ours.
 * A row that measured nothing misses.
 */
export function judged({ name, unit, bar, ofFloor = false }, runs) {
  const ours = median(runs.map((run) => run.ours));
  const floor = ofFloor ? median(runs.map((run) => run.floor)) : undefined;
  const figure = ofFloor ? median(runs.map((run) => run.ours / run.floor)) : ours;
  const holds = bar.atMost === undefined ? figure >= bar.atLeast : figure <= bar.atMost;
  return { name, unit, ours, floor, figure, bar, ofFloor, holds, runs };
}

const shown = (number) => {
  if (number === undefined) return "";
  if (!Number.isFinite(number)) return String(number);
  return Math.abs(number) >= 100 ? String(Math.round(number)) : number.toFixed(2);
};

const columns = [
  ["what", (row) => row.name],
  ["ours", (row) => `${shown(row.ours)} ${row.unit}`],
  ["floor", (row) => (row.floor === undefined ? "" : `${shown(row.floor)} ${row.unit}`)],
  ["figure", (row) => (row.ofFloor ? `${shown(row.figure)} ×` : shown(row.figure))],
  ["bar", ({ bar }) => (bar.atMost === undefined ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`)],
  ["", (row) => (row.holds ? "holds" : "MISSES")],
];

export function table(rows) {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, show]) => show(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
