// @ts-check
/**
 * The service worker. The page opens even without its node, from the files that were loaded last. A reachable
 * node is always asked first, so a newer page is never hidden. API responses and peer traffic are not cached.
 */

/** The cache of all files of the page and the loaded files of the simulator. Their number is bounded. */
const CACHE = 'plexus-page';
/** The time to wait for a silent node if there is a cached file, milliseconds. */
const PATIENCE_MS = 3_000;

const scope = /** @type {any} */ (self);

scope.addEventListener('install', (/** @type {any} */ event) => event.waitUntil(keepAll().then(() => scope.skipWaiting())));
scope.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (/** @type {any} */ event) => {
  /** @type {Request} */
  const request = event.request;
  const url = new URL(request.url);
  const isOurs = request.method === 'GET' && url.origin === location.origin && !/^\/(api|p2p|metrics|health)/.test(url.pathname);
  if (isOurs) event.respondWith(answer(request, url.pathname.replace(/\/$/, '/index.html')));
});

/** Loads every file that is built into the node. */
async function keepAll() {
  const cache = await caches.open(CACHE);
  const files = await (await fetch('./files.json')).json();
  for (const { url } of await cache.keys()) {
    if (!files.includes(new URL(url).pathname)) await cache.delete(url);
  }
  await cache.addAll(files);
}

/** @param {Request} request @param {string} path */
async function answer(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  const asked = fetch(request).then(async (response) => {
    if ((kept || path.includes('laboratory')) && response.ok) await cache.put(path, response.clone());
    return response;
  });
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([asked.catch(() => kept), late]);
}
