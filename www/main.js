// @ts-check
/** The page: one client, and the views that show it. */

import { Client } from './client.js';
import './elements/composer.js';
import './elements/feed.js';
import './elements/key.js';
import './elements/lookup.js';
import './elements/miner.js';
import { moveAges } from './elements/make.js';
import './elements/network.js';
import './elements/notices.js';
import './elements/status.js';
import './elements/verify.js';

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
navigator.serviceWorker?.register('./service.js').catch(() => {});
