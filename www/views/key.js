// @ts-check
/** Key: the user's keys, the one that signs, and how to add others. Reading and verifying need no key. */

import { announce, byId, make, saveFile } from './dom.js';
import { ask, exportKey, importKey, keep, makeKey, restoreKey, unlockKey } from './key-dialog.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Key} Key */

/** The label of each key state. @type {Record<Key['state'], string>} */
const STATES = {
  locked: 'locked',
  unlocked: 'unlocked',
  clear: 'without a passphrase',
  tab: 'in this tab only',
  damaged: 'damaged: restore it from its words under another name',
};

/** @type {Key[]} */
let keys = [];

/** Returns the key that signs, if there is one. */
function chosen() {
  return keys.find((key) => key.chosen);
}

/**
 * Asks the user to create or unlock a key, unless one can sign already. Returns true if one can sign now.
 * @param {Client} client
 * @param {string} why
 */
export async function withKey(client, why) {
  keys = await client.keys();
  const key = chosen();
  if (!key) return makeKey(client, why);
  return key.state === 'locked' ? unlockKey(client, key, why) : true;
}

class PlexusKey extends HTMLElement {
  /** @param {Client} client */
  connect(client) {
    client.addEventListener('keys', (event) => {
      keys = /** @type {CustomEvent<Key[]>} */ (event).detail;
      this.#show(client);
    });
    /** @param {string} id @param {() => unknown} act */
    const on = (id, act) => byId(id, HTMLButtonElement).addEventListener('click', act);
    on('key-copy', () => this.#copy());
    on('key-make', () => makeKey(client));
    on('key-restore', () => restoreKey(client));
    on('key-import', () => importKey(client));
    on('key-export', () => this.#chosen((key) => saveKey(client, key)));
    // The pressed button disappears, so the focus moves to the other one.
    on('key-unlock', () => this.#chosen(async (key) => {
      if (await unlockKey(client, key)) byId('key-lock', HTMLElement).focus();
    }));
    on('key-show', () => this.#chosen((key) => showWords(client, key)));
    on('key-protect', () => protect(client));
    on('key-lock', async () => {
      await client.lock();
      announce('Your keys are locked.');
      byId('key-unlock', HTMLElement).focus();
    });
  }

  /** @param {(key: Key) => unknown} act */
  #chosen(act) {
    const key = chosen();
    if (key) act(key);
  }

  /** @param {Client} client */
  #show(client) {
    const list = byId('keys', HTMLElement);
    const focused = list.contains(document.activeElement);
    list.replaceChildren(...keys.map((key) => keyItem(client, key)));
    const key = chosen();
    if (focused) /** @type {HTMLInputElement | null} */ (list.querySelector('input:checked'))?.focus();
    byId('key-none', HTMLElement).hidden = keys.length > 0;
    byId('key-view', HTMLElement).hidden = keys.length === 0;
    byId('key-public', HTMLElement).textContent = key?.public ?? 'No key is selected.';
    byId('key-copy', HTMLElement).hidden = !key;
    byId('key-unlock', HTMLElement).hidden = key?.state !== 'locked';
    byId('key-lock', HTMLElement).hidden = !keys.some(({ state }) => state === 'unlocked');
    byId('key-show', HTMLElement).hidden = byId('key-export', HTMLElement).hidden = !key;
    byId('key-clear', HTMLElement).hidden = !keys.some(({ state }) => state === 'clear');
    byId('key-make', HTMLElement).textContent = keys.length ? 'Make another' : 'Make a key';
  }

  async #copy() {
    const button = byId('key-copy', HTMLButtonElement);
    try {
      await navigator.clipboard.writeText(chosen()?.public ?? '');
      button.textContent = 'Copied';
      announce('Public key copied.');
      setTimeout(() => (button.textContent = 'Copy'), 2000);
    } catch {
      // An insecure page has no clipboard. Select the key, so that the user can copy it.
      getSelection()?.selectAllChildren(byId('key-public', HTMLElement));
    }
  }
}

/** @param {Client} client @param {Key} key */
function keyItem(client, { name, state, chosen }) {
  const radio = make('input', { type: 'radio', name: 'key', disabled: state === 'damaged' });
  radio.checked = chosen;
  // If the key cannot be used, show the old choice again.
  radio.addEventListener('change', () => client.useKey(name).catch(() => client.keys()));
  return make('li', { 'data-name': name, 'data-state': state, 'data-chosen': chosen },
    make('label', {}, radio, make('span', {}, make('bdi', {}, name), ' ', make('span', { class: 'quiet' }, STATES[state]))));
}

/** @param {Client} client @param {Key} key */
async function showWords(client, key) {
  const sealed = key.state === 'locked' || key.state === 'unlocked';
  const words = sealed
    ? await ask('unlock', { title: `The words of ${key.name}`, name: key.name, next: 'Show' }, ({ passphrase }) => client.words(key.name, passphrase))
    : await client.words(key.name);
  if (typeof words === 'string') await ask('show', { title: `The words of ${key.name}`, words: words.split(' '), next: 'Done' }, async () => true);
}

/** @param {Client} client @param {Key} key */
async function saveKey(client, key) {
  const text = await exportKey(client, key);
  if (text === null) return;
  const name = `plexus-key-${key.public?.slice(0, 10) ?? ''}.json`;
  saveFile(new Blob([text], { type: 'application/json' }), name);
  announce(`Your key is saved as ${name}.`);
}

/** @param {Client} client */
function protect(client) {
  return keep('protect', 'Set a passphrase for your key', (name, passphrase) => client.protect(name, passphrase ?? ''));
}

customElements.define('plexus-key', PlexusKey);
