// @ts-check
/** Key: the person's own, with its 24 words on demand, and the way to bring another. */

import { announce, byId, make } from './make.js';

class PlexusKey extends HTMLElement {
  #public = '';

  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('key', (event) => {
      this.#public = /** @type {CustomEvent<{ public: string }>} */ (event).detail.public;
      byId('key-public', HTMLElement).textContent = this.#public;
      this.#hide();
    });
    byId('key-copy', HTMLButtonElement).addEventListener('click', () => this.#copy());
    byId('key-show', HTMLButtonElement).addEventListener('click', () => this.#toggle(client));
    byId('key-restore-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#restore(client);
    });
  }

  async #copy() {
    const button = byId('key-copy', HTMLButtonElement);
    try {
      await navigator.clipboard.writeText(this.#public);
      button.textContent = 'Copied';
      announce('Public key copied.');
      setTimeout(() => (button.textContent = 'Copy'), 2000);
    } catch {
      // A page that is not secure has no clipboard: the key is selected, to be copied by hand.
      getSelection()?.selectAllChildren(byId('key-public', HTMLElement));
    }
  }

  /** @param {import('../client.js').Client} client */
  async #toggle(client) {
    if (!byId('key-words-view', HTMLElement).hidden) return this.#hide();
    const words = (await client.words()).split(' ');
    byId('key-words', HTMLOListElement).replaceChildren(...words.map((word) => make('li', {}, word)));
    byId('key-words-view', HTMLElement).hidden = false;
    this.#label('Hide the words', true);
  }

  #hide() {
    byId('key-words', HTMLOListElement).replaceChildren();
    byId('key-words-view', HTMLElement).hidden = true;
    this.#label('Show the 24 words', false);
  }

  /** @param {string} text @param {boolean} expanded */
  #label(text, expanded) {
    const button = byId('key-show', HTMLButtonElement);
    button.textContent = text;
    button.setAttribute('aria-expanded', String(expanded));
  }

  /** @param {import('../client.js').Client} client */
  async #restore(client) {
    const [words, said] = [byId('key-restore-words', HTMLTextAreaElement), byId('key-restore-said', HTMLElement)];
    said.hidden = false;
    try {
      await client.restore(words.value);
      words.value = '';
      said.classList.remove('over');
      said.textContent = 'This is your key now.';
    } catch (error) {
      said.classList.add('over');
      said.textContent = `Not restored: ${/** @type {Error} */ (error).message}.`;
    }
  }
}

customElements.define('plexus-key', PlexusKey);
