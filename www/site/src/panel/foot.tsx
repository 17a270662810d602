// The foot: how to reach the mesh from the console, and where the ideas come from.
const example = `const { mesh, carts, kv } = window.roundtable;
mesh.members();
await kv.put("greeting", "hello", { level: "one" });
(await kv.get("greeting")).siblings;
mesh.preferenceList("kv", "greeting").owners;`;

export function Foot() {
  return (
    <footer class="foot">
      <div>
        <h2>Try it in the console</h2>
        <p>
          This tab's node and its two buckets are <code>window.roundtable</code>. The package itself is at{" "}
          <code>/roundtable/index.js</code>.
        </p>
        <pre tabindex="0">{example}</pre>
      </div>
      <div>
        <h2>What this is</h2>
        <p>
          A key-value store after Amazon's Dynamo (DeCandia and others, SOSP 2007), written in Rust and run in each tab
          as WebAssembly. Tabs speak over WebRTC. A small rendezvous introduces strangers; once they have met, it may
          go.
        </p>
        <p>
          <a href="/lab/">The lab</a> runs the same code on a network whose time you hold: kill nodes, cut links, wind
          back, take a lesson.
        </p>
      </div>
    </footer>
  );
}
