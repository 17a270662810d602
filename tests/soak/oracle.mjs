// Which writes were acknowledged, and whether all are still there.
//
// A write counts from the moment at which the page said, outside itself, that its receipt was met. At the end every
// device has a tab that was opened after the last fault, so whatever was durable on any of them must be read everywhere.

export class Oracle {
  writes = 0;
  /** key → names of acknowledged writes */
  #acknowledged = new Map();
  errors = [];

  take({ key, id, met, error }) {
    this.writes += 1;
    if (error !== undefined) this.errors.push(`${id}: ${error}`);
    if (!met) return;
    const names = this.#acknowledged.get(key) ?? new Set();
    this.#acknowledged.set(key, names.add(id));
  }

  get keys() {
    return [...this.#acknowledged.keys()].sort();
  }

  get acknowledged() {
    return [...this.#acknowledged.values()].reduce((sum, names) => sum + names.size, 0);
  }

  /** `reads`: what one tab read of `keys`, in their order. The writes that are missing from it. */
  missing(keys, reads) {
    return keys.flatMap((key, i) => {
      const there = new Set(reads[i].value ?? []);
      const lost = [...this.#acknowledged.get(key)].filter((id) => !there.has(id));
      return lost.map((id) => `${id} of "${key}"${reads[i].met ? "" : ", read without a quorum"}`);
    });
  }
}
