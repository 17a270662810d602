// Journeys worth seeing: a copy that has just reached a node, a change that has just reached this tab.
//
// Whoever learns of one tells it here; the drawing shows it for a moment. Nothing depends on anybody looking.
import type { Layout, Point } from "./geometry";

export interface Trip {
  readonly to: string; // the node that has it now
  readonly arrival: boolean; // it came from elsewhere to this tab
}

export function createTrips() {
  const watchers = new Set<(trip: Trip) => void>();
  return {
    tell: (trip: Trip) => {
      for (const watcher of watchers) watcher(trip);
    },
    watch: (watcher: (trip: Trip) => void) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}
export type Trips = ReturnType<typeof createTrips>;

function prefersStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A dot that flies from this tab to where a copy has arrived, or a ripple where a change has come in. */
export function showTrip(trip: Trip, sky: SVGGElement, from: Point, to: Point, layout: Layout) {
  if (prefersStill() || document.hidden) return;
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  dot.setAttribute("class", trip.arrival ? "ripple" : "flight");
  dot.setAttribute("r", String(trip.arrival ? layout.seat : 5));
  sky.append(dot);
  const place = (point: Point, scale: number) => `translate(${point.x}px, ${point.y}px) scale(${scale})`;
  const animation = trip.arrival
    ? dot.animate(
        [
          { transform: place(to, 1), opacity: 0.9 },
          { transform: place(to, 2.1), opacity: 0 },
        ],
        { duration: 900, easing: "ease-out" },
      )
    : dot.animate(
        [
          { transform: place(from, 1), opacity: 1 },
          { transform: place(to, 1.4), opacity: 1 },
        ],
        { duration: 480, easing: "ease-in-out" },
      );
  animation.finished.then(
    () => dot.remove(),
    () => dot.remove(),
  );
}
