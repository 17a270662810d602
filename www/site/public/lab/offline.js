// Opens the lab without a network: what its page has loaded is kept, and served when nobody else answers.
//
// The network comes first, so that a newer lab is never hidden by an older one. Only this folder's pages are under it.
const store = "roundtable-lab";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  const wanted = event.data?.keep;
  if (Array.isArray(wanted)) event.waitUntil(keep(wanted.filter((url) => typeof url === "string")));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

/** What the page runs now, and nothing else: an older lab's files go. */
async function keep(urls) {
  const cache = await caches.open(store);
  await Promise.all(urls.map((url) => cache.add(url)));
  const wanted = new Set(urls);
  for (const { url } of await cache.keys()) {
    if (!wanted.has(url)) await cache.delete(url);
  }
}

async function answer(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { ignoreSearch: true });
    if (kept === undefined) throw error;
    return kept;
  }
}
