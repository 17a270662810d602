// The colours of a canvas, read from the same variables as everything else on the page, and a canvas at the screen's
// true resolution.
//
// A canvas knows nothing of style sheets: in the dark, or when the reader's system dictates the colours, it must be
// told and drawn anew. The variables of forced-colours mode are the system's own names for colours, which a canvas
// understands.
const names = ["paper", "card", "ink", "ink-2", "line", "line-strong", "owner", "fallback", "suspect"] as const;
export const flightKinds = ["request", "gossip", "repair", "transfer", "link"] as const;
export type FlightKind = (typeof flightKinds)[number];

export type Ink = Readonly<Record<(typeof names)[number] | FlightKind, string>>;

export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element);
  const read = (variable: string) => style.getPropertyValue(variable).trim() || "CanvasText";
  const found: Record<string, string> = {};
  for (const name of names) found[name] = read(`--${name}`);
  for (const kind of flightKinds) found[kind] = read(`--flight-${kind}`);
  return found as Ink;
}

/** Calls back whenever colours change; the returned function ends that. */
export function watchInk(changed: () => void): () => void {
  const queries = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];
  const lists = queries.map((query) => matchMedia(query));
  for (const list of lists) list.addEventListener("change", changed);
  return () => {
    for (const list of lists) list.removeEventListener("change", changed);
  };
}

/** A pen on a cleared square canvas whose origin is the middle and whose unit is one CSS pixel. */
export function cleanPen(canvas: HTMLCanvasElement, size: number): CanvasRenderingContext2D | undefined {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const pixels = Math.round(size * density);
  const pen = canvas.getContext("2d");
  if (pen === null) return undefined;
  if (canvas.width !== pixels || canvas.height !== pixels) {
    canvas.width = pixels;
    canvas.height = pixels;
  }
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, pixels, pixels);
  pen.setTransform(density, 0, 0, density, pixels / 2, pixels / 2);
  return pen;
}
