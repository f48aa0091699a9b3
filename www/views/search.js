// @ts-check
/**
 * Find: any block by height or hash, and any message by its id, as the node returns it. Each result has an
 * address of its own, `#/block/NAME` or `#/message/ID`, that can be shared.
 */

import { count } from '../format.js';
import { blockFields } from './block.js';
import { byId, make } from './dom.js';
import { keyActivity } from './key-activity.js';
import { messageFields } from './message.js';
import { verificationSteps } from './verification-steps.js';

/** @typedef {import('../client.js').Client} Client */

const ROUTE = /^#\/(block|message|key)\/([0-9a-f]{1,66})$/;
/** A public key. */
const KEY = /^0[23][0-9a-f]{64}$/;

class PlexusLookup extends HTMLElement {
  /** Counts lookups. The answer to an older lookup is not shown. */
  #asked = 0;
  /** True if the chain was checked. */
  #live = false;

  /** @param {Client} client */
  connect(client) {
    const name = byId('lookup-name', HTMLInputElement);
    byId('lookup-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const text = name.value.trim().replace(/^#|[,\s_]/g, '').toLowerCase();
      const isName = /^(\d{1,16}|[0-9a-f]{64})$/.test(text) || KEY.test(text);
      if (!isName) return this.#show('Not a height, hash, id or key', make('p', { class: 'quiet' }, 'A height is a number; a block’s hash and a message’s id have 64 hex digits, a public key has 66.'));
      const address = `#/${KEY.test(text) ? 'key' : 'block'}/${text}`;
      // Look up the same name again.
      if (location.hash === address) this.#route(client);
      else location.hash = address;
    });
    byId('lookup-close', HTMLButtonElement).addEventListener('click', () => {
      history.pushState(null, '', location.pathname + location.search);
      this.#hide();
      name.focus();
    });
    // This also fires when a link, the user or the Back button changes the address's fragment.
    addEventListener('popstate', () => this.#route(client));
    this.#route(client);
    // Before the chain was checked, a result could not be compared with it.
    client.addEventListener('state', (event) => {
      const { phase } = /** @type {CustomEvent<import('../client.js').State>} */ (event).detail;
      if (phase !== 'live' || this.#live) return;
      this.#live = true;
      if (this.querySelector('[data-place="unknown"]')) this.#route(client);
    });
  }

  /** Shows the block, message or key in the page's address. @param {Client} client */
  async #route(client) {
    const asked = ++this.#asked;
    const [, kind, name] = ROUTE.exec(location.hash) ?? [];
    if (!kind) {
      // Other fragments are positions on this page.
      if (!location.hash) this.#hide();
      return;
    }
    byId('lookup-name', HTMLInputElement).value = name;
    const found = await (kind === 'block' ? findBlock : kind === 'key' ? findKey : findMessage)(client, name);
    if (asked === this.#asked) this.#show(...found);
  }

  /** @param {string} title @param {...Node} body */
  #show(title, ...body) {
    const heading = byId('lookup-title', HTMLElement);
    heading.textContent = title;
    document.title = `${title} · Plexus`;
    byId('lookup-body', HTMLElement).replaceChildren(...body);
    byId('lookup-result', HTMLElement).hidden = false;
    heading.focus();
    heading.scrollIntoView({ block: 'nearest' });
  }

  #hide() {
    document.title = 'Plexus';
    byId('lookup-result', HTMLElement).hidden = true;
  }
}

/**
 * Finds a block, or a message: 64 digits may be a block's hash or a message's id.
 * @param {Client} client
 * @param {string} name
 * @returns {Promise<[string, ...Node[]]>}
 */
async function findBlock(client, name) {
  try {
    const trace = await client.trace(name);
    return [`Block ${count(trace.block.number_of_block)}`, verificationSteps(trace), blockFields(trace.block)];
  } catch (error) {
    const message = name.length === 64 && await client.message(name).catch(() => null);
    return message ? shownMessage(client, message) : notFound(error);
  }
}

/** @param {Client} client @param {string} id @returns {Promise<[string, ...Node[]]>} */
async function findMessage(client, id) {
  try {
    return shownMessage(client, await client.message(id));
  } catch (error) {
    return notFound(error);
  }
}

/** @param {Client} client @param {string} key @returns {Promise<[string, ...Node[]]>} */
async function findKey(client, key) {
  try {
    return ['Key', hearsay('The view of each message compares its block with this page’s chain.'), await keyActivity(client, key)];
  } catch (error) {
    return notFound(error);
  }
}

/** @param {Client} client @param {import('../client.js').Placed} message @returns {[string, ...Node[]]} */
function shownMessage(client, message) {
  return ['Message', hearsay('This page verifies the messages of the blocks under “Now”.'), messageFields(client, message)];
}

/** @param {unknown} error @returns {[string, Node]} */
function notFound(error) {
  return ['Not found', make('p', { class: 'quiet' }, /** @type {Error} */ (error).message)];
}

/** @param {string} instead */
function hearsay(instead) {
  return make('p', { class: 'quiet' }, `As reported by the node. ${instead}`);
}

customElements.define('plexus-lookup', PlexusLookup);
