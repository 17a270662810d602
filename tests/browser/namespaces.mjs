// Two hosts on one machine: network namespaces with a wire between them that loses packets, or all of them.
//
// Everything is named after this process and ends with it; the machine's own network is not touched. Where namespaces are
// not allowed (no root, no `ip`, no `nft`) `whyNot` says so.
import { execFileSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

const run = (program, ...args) => execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const sides = ["a", "b"];
const name = (side) => `rt${process.pid}${side}`;

/** Two connected hosts. */
export class Wire {
  static async open() {
    const wire = new Wire();
    try {
      for (const side of sides) run("ip", "netns", "add", name(side));
      run("ip", "link", "add", name("a"), "netns", name("a"), "type", "veth", "peer", name("b"), "netns", name("b"));
      for (const side of sides) {
        const within = ["-n", name(side)];
        run("ip", ...within, "link", "set", "lo", "up");
        run("ip", ...within, "addr", "add", `${wire.address(side)}/24`, "dev", name(side));
        run("ip", ...within, "link", "set", name(side), "up");
        // Without one Chromium gathers no candidates.
        run("ip", ...within, "route", "add", "default", "via", wire.address(side === "a" ? "b" : "a"));
        wire.#nft(side, "add table inet wire");
        wire.#nft(side, "add chain inet wire in { type filter hook input priority 0; }");
      }
      return wire;
    } catch (error) {
      wire.close();
      throw error;
    }
  }

  address(side) {
    return `10.77.0.${side === "a" ? 1 : 2}`;
  }

  /** The command that runs another on this host. */
  within(side) {
    return ["ip", "netns", "exec", name(side)];
  }

  /** A program that runs `program` on this host, whatever arguments it is given. */
  async wrapper(side, program, folder) {
    const path = join(folder, `on-${side}.sh`);
    await writeFile(path, `#!/bin/sh\nexec ${this.within(side).join(" ")} ${program} "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** From now on so many of a hundred packets are lost, in each direction; 100 cuts the wire. */
  lose(percent) {
    for (const side of sides) {
      this.#nft(side, "flush chain inet wire in");
      if (percent > 0) {
        const some = percent < 100 ? `numgen random mod 100 < ${percent}` : "";
        this.#nft(side, `add rule inet wire in iifname ${name(side)} ${some} drop`);
      }
    }
  }

  #nft(side, rule) {
    run(...this.within(side), "nft", rule);
  }

  close() {
    for (const side of sides) {
      try {
        run("ip", "netns", "del", name(side));
      } catch {
        // It was never made.
      }
    }
  }
}

/** Why there can be no wire here; false if there can. */
export async function whyNot() {
  try {
    const wire = await Wire.open();
    wire.close();
    return false;
  } catch (error) {
    const said = String(error.stderr ?? error.message).trim();
    return `network namespaces are not allowed or not there (iproute2 and nftables, as root): ${said}`;
  }
}
