// @ts-check
/** The bar at the top: the network, the state of the connection, the height of the chain. */

import { count, duration, short } from '../format.js';
import { ageText, byId, make } from './dom.js';

/** @typedef {import('../client.js').State} State */
/** @typedef {import('../client.js').Peer} Peer */

/** @type {Record<State['phase'], string>} */
const LABELS = { connecting: 'Connecting', syncing: 'Checking', live: 'Live', offline: 'Offline' };

/** The reason for a connection, in words. @type {Record<Peer['kind'], string>} */
const WHY = { home: 'this page’s own node', nearest: 'one of the nearest', random: 'chosen at random' };
/** The relation of its chain to ours. */
const MINDS = { lags: 'behind', differs: 'on another chain' };

const KEPT = 'Headers, keys and messages are stored in this browser.';
const UNKEPT = 'This tab stores no headers, because another tab does or the browser does not allow it.';
/** The fewest unchecked blocks for which the bar is shown. */
const PROGRESS_BLOCKS_MIN = 100;

class PlexusStatus extends HTMLElement {
  /** @type {State | undefined} */
  #state;
  /** The displayed peers. */
  #peers = '';

  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('state', (event) => this.#show(/** @type {CustomEvent<State>} */ (event).detail));
    // Count down to the next attempt.
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
    byId('tip-age', HTMLElement).replaceChildren(state.tip_unix_ms === null ? '–' : ageText(state.tip_unix_ms));
    set('interval', state.interval_ms === null ? '–' : interval(state.interval_ms));
    set('network-rate', state.network_hash_rate === null ? '–' : short(Number(state.network_hash_rate)));
    set('pool', state.network ? count(state.pool) : '–');
    this.#showPeers(state);
    set('network-id', state.network?.id ?? '–');
    set('young', state.young ? 'Young chain: its work counts for less.' : '');
    set('proof', state.proof ? proofText(state.proof) : '');
    set('kept', state.network ? (state.kept ? KEPT : UNKEPT) : '');
    const progress = byId('sync', HTMLProgressElement);
    // A few blocks are checked before a bar would be visible.
    progress.hidden = state.phase !== 'syncing' || state.target - state.height < PROGRESS_BLOCKS_MIN;
    progress.max = Math.max(state.target, 1);
    progress.value = state.height;
  }

  /** @param {State} state */
  #showPeers({ peers, node }) {
    const shown = JSON.stringify([peers, node]);
    if (shown === this.#peers) return;
    this.#peers = shown;
    const nobody = make('li', {}, make('code', {}, node), ' not connected');
    byId('peers', HTMLElement).replaceChildren(...(peers.length ? peers.map(peerItem) : [nobody]));
  }

  /** @param {State} state */
  #showDetail(state) {
    set('state-detail', detail(state));
    byId('state', HTMLElement).title = state.trouble ? `${state.node}: ${state.trouble}` : state.node;
    const trouble = byId('trouble', HTMLElement);
    trouble.hidden = !state.trouble || state.phase !== 'offline' && state.phase !== 'syncing';
    set('trouble', state.trouble ? `${sentence(state.trouble)} The page keeps trying, and shows the data that it has.` : '');
  }
}

/** @param {import('../client.js').ChainProof} proof */
function proofText({ height, samples, bytes }) {
  const size = `${count(Math.ceil(bytes / 1000))} kB`;
  return `This tab verified the chain’s work up to block ${count(height)} from a ${size} proof (${count(samples)} sampled headers), and every header after that.`;
}

/** @param {number} ms */
function interval(ms) {
  return ms < 10_000 ? `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s` : duration(ms);
}

/** @param {State} state */
function detail({ phase, height, target, retry_unix_ms, node, peers }) {
  if (phase === 'syncing') return target > height ? `${count(height)} of ${count(target)}` : 'headers';
  if (phase === 'offline' && retry_unix_ms) {
    const left = retry_unix_ms - Date.now();
    return left > 1000 ? `retry in ${duration(left)}` : 'retrying';
  }
  if (phase === 'live') return company(peers);
  return phase === 'connecting' ? node.replace(/^wss?:\/\/|\/p2p$/g, '') : '';
}

/**
 * Returns the number of peers, and how many disagree.
 * @param {Peer[]} peers
 */
function company(peers) {
  if (!peers.length) return '';
  const other = peers.filter(({ agreement }) => agreement && agreement !== 'agrees').length;
  const agree = peers.every(({ agreement }) => agreement === 'agrees');
  if (peers.length === 1) return other ? '1 node, which disagrees' : '1 node';
  const nodes = `${peers.length} nodes`;
  if (agree) return `${nodes}, all in agreement`;
  return other ? `${nodes}, ${other === peers.length ? 'none agrees' : `${other} disagree${other === 1 ? 's' : ''}`}` : nodes;
}

/** @param {Peer} peer */
function peerItem({ address, kind, latency_ms, agreement }) {
  const facts = [WHY[kind]];
  if (latency_ms !== null) facts.push(`${latency_ms < 10 ? latency_ms : Math.round(latency_ms)} ms`);
  if (agreement && agreement !== 'agrees') facts.push(MINDS[agreement]);
  return make('li', { 'data-kind': kind, 'data-agreement': agreement }, make('code', {}, address), ` ${facts.join(', ')}`);
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
