// What a tab of the soak does: it joins, and writes without a pause until it is told to stop.
//
// Writes of two kinds. Shared keys hold a growing list of the names of all writes made on them, each write a read and a
// merge: a write that a later one has superseded is in it still, so that a causal successor is told from a loss by
// looking. Every fourth write is of a key of its own. The levels asked for come in turn. `acknowledge` is a binding: what
// it was told outlives the page.

/** To be given to `addInitScript`. */
export function writer() {
  const sharedKeys = 40;
  const union = (siblings) => [...new Set(siblings.flat())].sort();
  let writing = false;
  let stopped = Promise.resolve();

  async function write(name, number, level) {
    const id = `${name}.${number}`;
    const things = window.mesh.bucket("things", { merge: union });
    const isShared = number % 4 !== 3;
    const key = isShared ? `shared ${Math.floor(Math.random() * sharedKeys)}` : `own ${id}`;
    const receipt = await (isShared
      ? things.update(key, (_, siblings) => union([...siblings, id]), { level })
      : things.put(key, [id], { level }));
    await window.acknowledge({ key, id, level, met: receipt.met });
  }

  async function writeAll(name, { pauseMs, levels }) {
    for (let number = 0; writing; number++) {
      try {
        await write(name, number, levels[number % levels.length]);
      } catch (error) {
        if (!writing) return;
        await window.acknowledge({ id: `${name}.${number}`, error: `${error.code ?? ""} ${error.message}` });
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs / 2 + Math.random() * pauseMs));
    }
  }

  window.startWriting = (name, pace) => {
    writing = true;
    stopped = writeAll(name, pace);
  };
  window.stopWriting = async () => {
    writing = false;
    await stopped;
  };

  /** What is read of these keys: the union of all siblings of each, or undefined. */
  window.readAll = async (keys) => {
    const things = window.mesh.bucket("things", { merge: union });
    const reads = await Promise.all(keys.map((key) => things.get(key, { timeoutMs: 20_000 })));
    return reads.map(({ met, value }) => ({ met, value }));
  };
}
