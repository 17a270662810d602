// Numbers as people read them.
export function bytes(count: number): string {
  if (count < 1000) return `${Math.round(count)} B`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

export function milliseconds(count: number): string {
  if (count < 1000) return `${Math.round(count)} ms`;
  return count < 60_000 ? `${(count / 1000).toFixed(1)} s` : `${(count / 60_000).toFixed(1)} min`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
