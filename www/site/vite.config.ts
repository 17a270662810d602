// How the pages are built: `/`, `/lab/` and the guide, each at most one script and one style sheet, nothing inline.
//
// The rendezvous serves the result under `script-src 'self' 'wasm-unsafe-eval'; style-src 'self'`, so Vite may neither
// inline its modulepreload polyfill nor turn small files into data: URLs inside CSS. The package `roundtable` is not
// bundled: the page imports it at run time from /roundtable/index.js, like every other page of this origin. All other
// addresses are relative: the lab, which needs no package, works under any path of any static host.
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  plugins: [solid()],
  base: "./",
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      input: { main: "index.html", guide: "guide/index.html", lab: "lab/index.html" },
    },
  },
  server: {
    proxy: { "/roundtable": "http://127.0.0.1:8787", "/rendezvous": { target: "ws://127.0.0.1:8787", ws: true } },
  },
});
