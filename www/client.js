// @ts-check
/**
 * The client: a Plexus light node in a Worker of its own, as an object that a page can hold.
 *
 *     import { Client } from './client.js';   // of the page's own origin; as a package: 'plexus-light'
 *     const client = new Client({ node: 'https://node.example' });
 *     client.addEventListener('block', (event) => console.log(event.detail.number_of_block, event.detail.verdict));
 *     await client.makeEphemeralKey();   // or createKey, confirmKey, and after a reload unlock
 *     await client.submit('bob', 'hello');
 *
 * Everything is decided and verified in the Worker; this file passes on what it says. Events carry their value in `detail`:
 * `state` (State), `block` (Arrival), `block-gone` (a hash), `reorg` (Reorg), `reorg-gone` (a hash), `sent` (Letter), `sent-gone`
 * (an id), `mining` (Mining), `kernel` ({name, vectors}: what searches), `keys` (Key[], whenever they change), `notice` (Notice), `gpu-lost` (nothing).
 */

import { NodeApi } from './node-api.js';

/**
 * @typedef {import('./types.js').Network} Network
 * @typedef {import('./types.js').Peer} Peer
 * @typedef {import('./types.js').ChainProof} ChainProof
 * @typedef {import('./types.js').State} State
 * @typedef {import('./types.js').Message} Message
 * @typedef {import('./types.js').Placed} Placed
 * @typedef {import('./types.js').Block} Block
 * @typedef {import('./types.js').Arrival} Arrival
 * @typedef {import('./types.js').Letter} Letter
 * @typedef {import('./types.js').Traces} Traces
 * @typedef {import('./types.js').Verdict} Verdict
 * @typedef {import('./types.js').Graph} Graph
 * @typedef {import('./types.js').NodePeer} NodePeer
 * @typedef {import('./types.js').Step} Step
 * @typedef {import('./types.js').Trace} Trace
 * @typedef {import('./types.js').Mining} Mining
 * @typedef {import('./types.js').Key} Key
 * @typedef {import('./types.js').Draft} Draft
 * @typedef {import('./types.js').Tip} Tip
 * @typedef {import('./types.js').Reorg} Reorg
 * @typedef {import('./types.js').Notice} Notice
 * @typedef {import('./types.js').Details} Details
 * @typedef {import('./types.js').Speaker} Speaker
 */

/** The most bytes of a proof file. */
const PROOF_BYTES_MAX = 1_064_960;

/** A light node; it lives until it is closed. */
export class Client extends /** @type {new () => Speaker} */ (EventTarget) {
  #worker;
  #api;
  #asked = 0;
  #closed = new AbortController();
  /** How the node stands, as of the last event. @type {State | null} */
  state = null;
  /** How its miners stand, as of the last event. @type {Mining | null} */
  mining = null;
  /** The blocks that arrived and are not gone, by their hashes: 64 at most. @type {Map<string, Arrival>} */
  blocks = new Map();
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void, progress?: (done: number) => void }>} */
  #waiting = new Map();

  /**
   * @param {{ node: string, vectors?: boolean, shares?: boolean }} options `node` is the URL of a node: http(s), ws(s), with or
   *   without `/p2p`; without `vectors`, miners do as if the browser had none. One that `shares` is one with those of the origin's other
   *   tabs that do: they have one node, its keys and its miners in common, in the tab that was first.
   */
  constructor({ node, vectors = true, shares = false }) {
    super();
    this.#api = new NodeApi(node);
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'plexus' });
    this.#worker.addEventListener('message', ({ data }) => this.#received(data));
    this.#worker.addEventListener('error', (event) => {
      this.#tell('notice', { bad: true, text: `The node in this page stopped: ${event.message || 'it could not start'}. Reload the page.` });
    });
    this.#ask('start', node, vectors, shares).catch((error) => this.#tell('notice', { bad: true, text: error.message }));
    this.#watch();
  }

  /**
   * Signs a message with the chosen key and sends it.
   * @param {string} recipient
   * @param {string} text
   * @param {number} [stampBits] the work that it shows, which takes the place of a fee: 2^`stampBits` hashes, up to 36, or twice the
   *   least that nodes take, if that is more. A long search is told by `stamping` events.
   * @returns {Promise<string>} its id
   */
  submit(recipient, text, stampBits = 0) {
    return this.#ask('submit', recipient, text, stampBits);
  }

  /**
   * Mines with so many Workers, as soon as the chain is checked. Each works `percent` of the time, 5 to 100.
   * @param {number} threads
   * @param {{ percent?: number, pausesHidden?: boolean, pausesOnBattery?: boolean }} [effort]
   * @returns {Promise<void>}
   */
  mine(threads, { percent = 100, pausesHidden = false, pausesOnBattery = false } = {}) {
    return this.#ask('mine', threads, percent, pausesHidden, pausesOnBattery);
  }

  /**
   * Mines on the graphics processor as well, whenever it mines. One that fails is `gpu-lost`, and used no more.
   * @param {boolean} wanted
   * @returns {Promise<void>}
   */
  useGpu(wanted) {
    return this.#ask('useGpu', wanted);
  }

  /** @returns {Promise<void>} */
  stopMining() {
    return this.#ask('stopMining');
  }

  /**
   * The person's keys as they are stored now, by this tab or another. Secrets stay in the Worker.
   * @returns {Promise<Key[]>}
   */
  async keys() {
    return JSON.parse(await this.#ask('keys'));
  }

  /**
   * Begins to make a key. Its 24 words are told this once; whoever has them has the key.
   * @returns {Promise<Draft>}
   */
  async createKey() {
    const { words, places } = JSON.parse(await this.#ask('createKey'));
    const confirm = (/** @type {string[]} */ asked, /** @type {string} */ name, /** @type {string | null} */ passphrase) =>
      this.confirmKey(asked, name, passphrase);
    return { words: words.split(' '), places, confirm };
  }

  /**
   * Keeps the key that was made last, if these are the words that it asks for, and uses it.
   * @param {string[]} words
   * @param {string} name
   * @param {string | null} passphrase at least 10 characters, under which it is stored; null: it lives in this tab alone
   * @returns {Promise<string>} its public key
   */
  confirmKey(words, name, passphrase) {
    return this.#ask('confirmKey', words.join(' '), name, composed(passphrase));
  }

  /**
   * Makes a key that lives in this tab alone, and uses it: for pages that only send.
   * @param {string} [name]
   * @returns {Promise<string>} its public key
   */
  makeEphemeralKey(name) {
    return this.#ask('makeEphemeralKey', name);
  }

  /**
   * Unlocks a key until the tab closes, and uses it.
   * @param {string} name
   * @param {string} passphrase
   * @returns {Promise<string>} its public key
   */
  unlock(name, passphrase) {
    return this.#ask('unlock', name, composed(passphrase));
  }

  /**
   * Locks all keys that are stored. Whoever mined for one mines no more.
   * @returns {Promise<void>}
   */
  lock() {
    return this.#ask('lock');
  }

  /**
   * Chooses the key that signs, and that blocks are mined for.
   * @param {string} name
   * @returns {Promise<void>}
   */
  useKey(name) {
    return this.#ask('useKey', name);
  }

  /**
   * Keeps the key of 24 words, and uses it.
   * @param {string} words
   * @param {string} name
   * @param {string | null} passphrase as of `confirmKey`
   * @returns {Promise<string>} its public key
   */
  restore(words, name, passphrase) {
    return this.#ask('restore', words, name, composed(passphrase));
  }

  /**
   * Encrypts the key that an earlier version stored as whoever looks can read it.
   * @param {string} name
   * @param {string} passphrase
   * @returns {Promise<string>} its public key
   */
  protect(name, passphrase) {
    return this.#ask('protect', name, composed(passphrase));
  }

  /**
   * Keeps the key in a key file, as `plexus key export` and `exportKey` write it, and uses it.
   * @param {string} file the text of the file
   * @param {string} passphrase that of the file
   * @param {string} [name] if it is not to have the name in the file
   * @returns {Promise<string>} its public key
   */
  importKey(file, passphrase, name = '') {
    return this.#ask('importKey', file, name, composed(passphrase));
  }

  /**
   * @param {string} name
   * @param {string} [passphrase] to encrypt a key that is not stored encrypted; the others keep theirs
   * @returns {Promise<string>} the text of a key file, for `importKey` and `plexus key import`
   */
  exportKey(name, passphrase = '') {
    return this.#ask('exportKey', name, composed(passphrase));
  }

  /**
   * @param {string} name
   * @param {string} [passphrase] of a key that is stored
   * @returns {Promise<string>} the 24 words of a key
   */
  words(name, passphrase = '') {
    return this.#ask('words', name, composed(passphrase));
  }

  /**
   * The SHA-256 of a file, 64 hex digits. The file is read where it is, piece by piece, and sent nowhere.
   * @param {File} file
   * @param {(done: number) => void} [progress] told how much of it is read, from 0 to 1
   * @returns {Promise<string>}
   */
  digest(file, progress) {
    const asked = this.#ask('digest', file);
    const waiting = this.#waiting.get(this.#asked);
    if (waiting) waiting.progress = progress;
    return asked;
  }

  /**
   * Asks the node for a block. What it answers is verified by nobody here.
   * @param {string | number} name a height or a hash
   * @returns {Promise<Block>}
   */
  block(name) {
    return this.#api.json(`blocks/${encodeURIComponent(name)}`);
  }

  /**
   * Asks the node for a block, and checks it rule by rule against what this page knows itself.
   * @param {string | number} name a height or a hash
   * @returns {Promise<Trace>}
   */
  async trace(name) {
    const response = await this.#api.binary(`blocks/${encodeURIComponent(name)}`);
    const block = new Uint8Array(await response.arrayBuffer());
    return JSON.parse(await this.#ask('trace', block, String(name)));
  }

  /**
   * Asks the node for a message and its place. What it answers is verified by nobody here.
   * @param {string} id
   * @returns {Promise<Placed>}
   */
  message(id) {
    return this.#api.json(`messages/${encodeURIComponent(id)}`);
  }

  /**
   * Asks the node what a key signed and what is written to it. What it answers is verified by nobody here.
   * @param {string} key 66 hex digits
   * @param {number} [to] the block to look from, downwards; without it, the newest
   * @returns {Promise<Traces>}
   */
  traces(key, to) {
    return this.#api.json(`keys/${encodeURIComponent(key)}${to === undefined ? '' : `?to=${to}`}`);
  }

  /**
   * Asks the node for a message's proof file: it shows to anybody, offline, that the message is in the ledger.
   * @param {string} id
   * @returns {Promise<Blob>}
   */
  async proof(id) {
    return (await this.#api.binary(`messages/${encodeURIComponent(id)}/proof`)).blob();
  }

  /**
   * Verifies a proof file here, with or without a connection. The error's message says what is wrong with a broken file.
   * The verdict says whether the file's block is in the chain that was verified here.
   * @param {Blob} file
   * @returns {Promise<Verdict>}
   */
  async verify(file) {
    if (file.size > PROOF_BYTES_MAX) throw new Error('the file is larger than the largest proof');
    return JSON.parse(await this.#ask('verify', new Uint8Array(await file.arrayBuffer())));
  }

  /**
   * Asks the node how the network looks from it.
   * @returns {Promise<Graph>}
   */
  graph() {
    return this.#api.json('graph');
  }

  /**
   * Asks the node whom it is connected to.
   * @returns {Promise<NodePeer[]>}
   */
  nodePeers() {
    return this.#api.json('peers');
  }

  /** Stops the node and all its miners. */
  close() {
    this.#closed.abort();
    this.#worker.terminate();
  }

  /** Tells the node of the circumstances that miners may have to pause under. */
  async #watch() {
    /** @type {(EventTarget & { charging: boolean }) | undefined} */
    let battery;
    const { signal } = this.#closed;
    const tell = () => this.#ask('find', document.hidden, battery?.charging === false).catch(() => {});
    document.addEventListener('visibilitychange', tell, { signal });
    tell();
    // Not every browser says how its machine is fed.
    battery = await /** @type {any} */ (navigator).getBattery?.().catch(() => undefined);
    battery?.addEventListener('chargingchange', tell, { signal });
    tell();
  }

  async #compareClocks() {
    const ahead_ms = await this.#api.clockAheadMs();
    if (ahead_ms !== null) this.#tell('clock', { ahead_ms });
  }

  /**
   * @param {string} method
   * @param {...(string | number | boolean | File | Uint8Array | null | undefined)} args
   * @returns {Promise<any>}
   */
  #ask(method, ...args) {
    const id = ++this.#asked;
    this.#worker.postMessage({ id, method, args });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** @param {{ id: number, value: any, error: string, updates?: string[], progress: number }} data */
  #received({ id, value, error, updates, progress }) {
    for (const update of updates ?? []) {
      const { type, value } = JSON.parse(update);
      this.#tell(type, value);
    }
    if (updates) return;
    const waiting = this.#waiting.get(id);
    if (progress !== undefined) return waiting?.progress?.(progress);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  /** @param {string} type @param {any} detail */
  #tell(type, detail) {
    const before = this.state?.phase;
    if (type === 'state' || type === 'mining') this[type] = detail;
    if (type === 'state' && detail.phase === 'live' && before !== 'live') this.#compareClocks();
    if (type === 'block') this.blocks.set(detail.hash, detail);
    if (type === 'block-gone') this.blocks.delete(detail);
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A passphrase in the one form that all keyboards' ways of writing it have in common.
 * @template {string | null} Passphrase
 * @param {Passphrase} passphrase
 */
function composed(passphrase) {
  return passphrase === null ? null : passphrase.normalize('NFKC');
}
