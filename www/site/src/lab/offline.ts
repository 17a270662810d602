// Lets the lab open again without any network, where the browser allows it.
//
// Once loaded, the lab asks nobody for anything. To be *opened* without a network it needs a service worker, whose
// reach is this folder alone: the live page is never under it. Over plain http from another machine browsers have none;
// the lab then works as long as it is open.
export function keepOffline() {
  if (!("serviceWorker" in navigator) || !window.isSecureContext || import.meta.env.DEV) return;
  const mine = new URL("../", document.baseURI).href;
  const loaded = () =>
    [location.href.split("#")[0] ?? "", ...performance.getEntriesByType("resource").map((entry) => entry.name)].filter(
      (url) => url.startsWith(mine),
    );
  navigator.serviceWorker
    .register(new URL("offline.js", document.baseURI))
    .then(() => navigator.serviceWorker.ready)
    .then((registration) => registration.active?.postMessage({ keep: loaded() }))
    .catch(() => {
      // A browser that refuses (a private window, a full disk) loses the opening without a network, nothing else.
    });
}
