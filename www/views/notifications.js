// @ts-check
/** Notices for the user, shown until they are seen. */

import { duration } from '../format.js';
import { byId, make } from './dom.js';

/** The most notices at once. When full, the oldest is removed. */
const NOTICES_MAX = 3;
/** The time for which a notice stays if it is not bad, milliseconds. */
const STAY_MS = 12_000;
/** A clock error of at least this much is reported, milliseconds. The rules allow a minute. */
const CLOCK_OFF_MS = 20_000;

class PlexusNotices extends HTMLElement {
  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('notice', (event) => {
      this.#show(/** @type {CustomEvent<import('../client.js').Notice>} */ (event).detail);
    });
    client.addEventListener('clock', ({ detail: { ahead_ms } }) => {
      if (Math.abs(ahead_ms) < CLOCK_OFF_MS) return;
      const off = `${duration(Math.abs(ahead_ms))} ${ahead_ms > 0 ? 'ahead of' : 'behind'}`;
      this.#show({ bad: true, text: `This machine’s clock is ${off} the node’s clock. The ages on this page are wrong by that much. If the difference is over a minute, other nodes reject your messages and blocks. Please correct one of the clocks.` });
    });
  }

  /** @param {import('../client.js').Notice} notice */
  #show({ bad, text }) {
    const list = byId('notices', HTMLElement);
    // Do not show the same notice twice.
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
