// @ts-check
/** The bar at the top: which network, how the connection stands, how high the chain is. */

import { count, duration, short } from '../format.js';
import { byId } from './make.js';

/** @typedef {import('../client.js').State} State */

/** @type {Record<State['phase'], string>} */
const LABELS = { connecting: 'Connecting', syncing: 'Checking', live: 'Live', offline: 'Offline' };

const KEPT = 'Headers, key and messages are kept in this browser.';
const UNKEPT = 'This tab keeps no headers: another one does, or the browser does not allow it.';
/** The fewest blocks to be checked that are worth a bar. */
const PROGRESS_BLOCKS_MIN = 100;

class PlexusStatus extends HTMLElement {
  /** @type {State | undefined} */
  #state;

  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('state', (event) => this.#show(/** @type {CustomEvent<State>} */ (event).detail));
    // The time until the next attempt runs down.
    setInterval(() => this.#state?.retry_unix_ms && this.#showDetail(this.#state), 1000);
  }

  /** @param {State} state */
  #show(state) {
    this.#state = state;
    const pill = byId('state', HTMLElement);
    pill.dataset.state = state.phase;
    set('state-label', LABELS[state.phase]);
    this.#showDetail(state);
    set('network', state.network?.name ?? '');
    set('height', state.network ? count(state.height) : '–');
    set('difficulty', state.network ? short(Number(state.difficulty)) : '–');
    set('work', state.network ? short(Number(state.total_work)) : '–');
    set('pool', state.network ? count(state.pool) : '–');
    set('node', state.node);
    set('network-id', state.network?.id ?? '–');
    set('kept', state.network ? (state.kept ? KEPT : UNKEPT) : '');
    const progress = byId('sync', HTMLProgressElement);
    // A few blocks are done before a bar could be seen.
    progress.hidden = state.phase !== 'syncing' || state.target - state.height < PROGRESS_BLOCKS_MIN;
    progress.max = Math.max(state.target, 1);
    progress.value = state.height;
  }

  /** @param {State} state */
  #showDetail(state) {
    set('state-detail', detail(state));
    byId('state', HTMLElement).title = state.trouble ? `${state.node}: ${state.trouble}` : state.node;
    const trouble = byId('trouble', HTMLElement);
    trouble.hidden = !(state.trouble && state.phase === 'offline');
    set('trouble', state.trouble ? `${sentence(state.trouble)} The page goes on trying, and shows what it has.` : '');
  }
}

/** @param {State} state */
function detail({ phase, height, target, retry_unix_ms, node, peers, agreeing }) {
  if (phase === 'syncing') return target > height ? `${count(height)} of ${count(target)}` : 'headers';
  if (phase === 'offline' && retry_unix_ms) {
    const left = retry_unix_ms - Date.now();
    return left > 1000 ? `again in ${duration(left)}` : 'trying again';
  }
  if (phase === 'live') return company(peers, agreeing);
  return phase === 'connecting' ? node.replace(/^wss?:\/\/|\/p2p$/g, '') : '';
}

/**
 * Who is there, and whether they say the same.
 * @param {number} peers
 * @param {number} agreeing
 */
function company(peers, agreeing) {
  if (peers === 1) return agreeing ? '1 node, agrees' : '1 node';
  if (agreeing === 1) return `${peers} nodes, 1 agrees`;
  return `${peers} nodes, ${agreeing === peers ? 'all' : agreeing} agree`;
}

/** @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

/** @param {string} id @param {string} text */
function set(id, text) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

customElements.define('plexus-status', PlexusStatus);
