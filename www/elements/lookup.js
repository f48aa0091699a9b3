// @ts-check
/** Find: any block by height or hash, as the node tells it. */

import { count } from '../format.js';
import { blockFields } from './block.js';
import { byId, make } from './make.js';

class PlexusLookup extends HTMLElement {
  /** @param {import('../client.js').Client} client */
  connect(client) {
    byId('lookup-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#find(client, byId('lookup-name', HTMLInputElement).value);
    });
    byId('lookup-close', HTMLButtonElement).addEventListener('click', () => {
      byId('lookup-result', HTMLElement).hidden = true;
      byId('lookup-name', HTMLInputElement).focus();
    });
    // Hashes anywhere on the page lead here.
    document.addEventListener('plexus-lookup', (event) => {
      const { detail } = /** @type {CustomEvent<string>} */ (event);
      byId('lookup-name', HTMLInputElement).value = detail;
      this.#find(client, detail);
    });
  }

  /** @param {import('../client.js').Client} client @param {string} text */
  async #find(client, text) {
    const name = text.trim().replace(/^#|[,\s_]/g, '');
    const [result, title, body] = [byId('lookup-result', HTMLElement), byId('lookup-title', HTMLElement), byId('lookup-body', HTMLElement)];
    if (!/^(\d{1,16}|[0-9a-fA-F]{64})$/.test(name)) {
      title.textContent = 'Not a height or hash';
      body.replaceChildren(make('p', { class: 'quiet' }, 'A height is a number, a hash has 64 hex digits.'));
    } else {
      try {
        const block = await client.block(name.toLowerCase());
        title.textContent = `Block ${count(block.number_of_block)}`;
        body.replaceChildren(
          make('p', { class: 'quiet' }, 'As the node tells it; blocks under “Now” are verified by this page.'),
          blockFields(block));
      } catch (error) {
        title.textContent = 'Not found';
        body.replaceChildren(make('p', { class: 'quiet' }, /** @type {Error} */ (error).message));
      }
    }
    result.hidden = false;
    title.focus();
    title.scrollIntoView({ block: 'nearest' });
  }
}

customElements.define('plexus-lookup', PlexusLookup);
