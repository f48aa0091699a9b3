// @ts-check
/** Notices: what a person should know, until they have seen it. */

import { byId, make } from './make.js';

/** The most notices at once; the oldest gives way. */
const NOTICES_MAX = 3;
/** How long one that is not bad stays, milliseconds. */
const STAY_MS = 12_000;

class PlexusNotices extends HTMLElement {
  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('notice', (event) => {
      this.#show(/** @type {CustomEvent<import('../client.js').Notice>} */ (event).detail);
    });
  }

  /** @param {import('../client.js').Notice} notice */
  #show({ bad, text }) {
    const list = byId('notices', HTMLElement);
    // The same again is not news.
    for (const old of [...list.children]) if (old.firstElementChild?.textContent === text) old.remove();
    const close = make('button', { type: 'button', class: 'icon', 'aria-label': 'Dismiss' }, '×');
    const item = make('li', { class: bad ? 'bad' : null }, make('span', {}, text), close);
    close.addEventListener('click', () => item.remove());
    list.append(item);
    while (list.childElementCount > NOTICES_MAX) list.firstElementChild?.remove();
    if (!bad) setTimeout(() => item.remove(), STAY_MS);
  }
}

customElements.define('plexus-notices', PlexusNotices);
