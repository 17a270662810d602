// Journeys worth seeing: a copy that has just reached a node, a change that has just reached this tab.
//
// Whoever learns of one tells it here; the drawing shows it for a moment. Nothing depends on anybody looking.
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

export function prefersStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
