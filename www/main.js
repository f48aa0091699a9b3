// @ts-check
/** The page: one client, and the views that show it. */

import { Client } from './client.js';
import './views/composer.js';
import { moveAges } from './views/dom.js';
import './views/feed.js';
import './views/key.js';
import './views/miner.js';
import './views/network.js';
import './views/notifications.js';
import './views/search.js';
import './views/status.js';
import './views/verify.js';

/**
 * Returns the node that serves this page, unless the address names another: `?node=URL`.
 * @param {Location} address
 */
function nodeOf({ protocol, hostname, port, search }) {
  const named = new URLSearchParams(search).get('node');
  const own = port || (protocol === 'https:' ? '443' : '80');
  return named ?? `${protocol}//${hostname}:${own}`;
}

/** True if miners may use the browser's vectors. `?vectors=off` is for comparisons. */
const vectors = new URLSearchParams(location.search).get('vectors') !== 'off';
const client = new Client({ node: nodeOf(location), vectors, shares: vectors });
for (const view of document.querySelectorAll('[data-view]')) {
  /** @type {HTMLElement & { connect(client: Client): void }} */ (view).connect(client);
}
setInterval(moveAges, 1000, document);
// Without a service worker, the page opens only while its node is reachable.
navigator.serviceWorker?.register('./service-worker.js').catch(() => {});
