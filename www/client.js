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

/**
 * @typedef {{ name: string, id: string, spacing_ms: number }} Network
 *
 * @typedef {object} Peer A node that this one is connected to.
 * @property {string} address
 * @property {'home' | 'nearest' | 'random'} kind `home` is the node that the client was given.
 * @property {number | null} latency_ms
 * @property {'agrees' | 'lags' | 'differs' | null} agreement How its chain stands to ours; null until that is known.
 *
 * @typedef {object} ChainProof What showed this tab the work of a chain whose headers it does not have.
 * @property {number} height Up to which block.
 * @property {number} samples How many points of the work were shown.
 * @property {number} bytes
 *
 * @typedef {object} State How the node stands.
 * @property {'connecting' | 'syncing' | 'live' | 'offline'} phase
 * @property {string} node The URL of the node to connect to.
 * @property {Network | null} network Null until it is known.
 * @property {number} height
 * @property {string | null} tip
 * @property {number | null} tip_unix_ms When the tip was mined, by its miner's clock.
 * @property {number | null} interval_ms The mean time between the newest blocks.
 * @property {string | null} network_hash_rate What it took to find them, hashes a second: a decimal number.
 * @property {ChainProof | null} proof If the chain was begun with one, in this tab.
 * @property {number} target The height that is aimed at while syncing.
 * @property {string} total_work A decimal number.
 * @property {string} difficulty The expected hashes of the next block, a decimal number.
 * @property {Peer[]} peers The nodes that it is connected to, without those that are only being measured.
 * @property {number} pool How many messages wait.
 * @property {string | null} trouble Why the last connection was lost or refused.
 * @property {number | null} retry_unix_ms When the next attempt to connect is made.
 * @property {boolean} kept Whether the chain outlives a reload of this page.
 * @property {number} recipient_bytes_max
 * @property {number} text_bytes_max
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} sender
 * @property {string} recipient
 * @property {string} text
 * @property {string} timeStamp
 * @property {number} time_unix_ms
 * @property {string} stamp
 * @property {string} signature
 * @property {string} message
 *
 * @typedef {Message & { pending: boolean, number_of_block: number | null, block: string | null, work_above: string | null }} Placed
 *   A message and where it is: `work_above` is the work of its block and of all above, a decimal number.
 *
 * @typedef {object} Block The fields that a block's header and body have, under the names of the JSON API.
 * @property {string} hash
 * @property {string} prev_hash
 * @property {number} number_of_block
 * @property {string} timeStamp
 * @property {number} time_unix_ms
 * @property {number} version
 * @property {string} nonce
 * @property {string} extra
 * @property {string} bits
 * @property {string} content_root
 * @property {string} proof_of_work
 * @property {string} total_work
 * @property {string} author
 * @property {string} signature
 * @property {string} message
 * @property {Message[]} messages
 *
 * @typedef {object} Arrival A block that arrived, and what this node thinks of it.
 * @property {string} hash
 * @property {number} number_of_block
 * @property {'valid' | 'undone' | 'refused'} verdict
 * @property {{ flag: string, reason: string }[]} failures Every rule that it breaks.
 * @property {number} seen_unix_ms
 * @property {boolean} mined_here
 * @property {number} messages_total
 * @property {Block | null} block With the first of its messages; null for a refused one.
 *
 * @typedef {object} Letter A message that was sent from here.
 * @property {string} id
 * @property {string} recipient
 * @property {string} text
 * @property {number} time_unix_ms
 * @property {'pending' | 'in-block' | 'expired'} state
 * @property {number | null} number_of_block
 * @property {string | null} block
 *
 * @typedef {object} Traces What was found of a key in a stretch of the chain, the newest first.
 * @property {string} key
 * @property {number} from The lowest block that was looked through,
 * @property {number} to and the highest.
 * @property {Placed[]} messages
 * @property {{ number_of_block: number, block: string, time_unix_ms: number }[]} blocks
 *
 * @typedef {object} Verdict What a valid proof file shows.
 * @property {Message} message
 * @property {string} block
 * @property {number} number_of_block
 * @property {number} time_unix_ms When the block was mined, by its miner's clock: the message was there by then.
 * @property {string} author
 * @property {number} blocks How many blocks protect it: its own and those above.
 * @property {string} work Their work, a decimal number.
 * @property {number} height
 * @property {string} total_work
 * @property {string} network As it calls itself.
 * @property {string} network_id
 * @property {boolean} built_in Whether the network is one that this program knows by itself.
 *
 * @typedef {object} Graph The network as a node sees it, laid out in a square whose side is 1, the node in the middle.
 * @property {string} own The node's key.
 * @property {number} nodes_in_all
 * @property {{ key: string, distance_ms: number | null, x: number, y: number, weak: boolean }[]} nodes
 * @property {{ a: string, b: string, rtt_ms: number, tree: boolean, bridge: boolean, own: boolean }[]} links
 * @property {{ radius: number, after_ms: number }[]} rings
 * @property {{ key: string, distance_ms: number }[]} nearest
 * @property {number[]} levels How many nodes are so many links away.
 * @property {number} diameter_ms
 * @property {number} cut_off
 * @property {number} weak_points
 * @property {number} bridges
 *
 * @typedef {object} NodePeer A peer of the node that the client was given.
 * @property {string | null} key
 * @property {'full' | 'light' | null} role
 * @property {string | null} outbound Where it was dialled; else it dialled.
 * @property {'nearest' | 'graph' | 'random' | 'feeler' | null} slot Why, if the node did of its own accord.
 * @property {number | null} latency_ms
 *
 * @typedef {object} Step
 * @property {string} rule
 * @property {string} expected
 * @property {string} found
 * @property {'kept' | 'broken' | 'open'} finding `open`: what it would be held against is not known here.
 *
 * @typedef {object} Trace What came of checking a block.
 * @property {Block} block As it was checked; its `total_work` is 0 where this page does not know it.
 * @property {'chain' | 'fork' | 'below' | 'unknown'} place Where this page knows it to be.
 * @property {Step[]} steps
 *
 * @typedef {object} Mining How the miners stand.
 * @property {boolean} wanted
 * @property {boolean} active
 * @property {string | null} waiting Why nothing is searched although it is wanted.
 * @property {number} threads
 * @property {number} percent The part of the time that each thread works.
 * @property {boolean} pauses_hidden Whether nothing is searched while the page is hidden,
 * @property {boolean} pauses_on_battery and while the machine lives on its battery.
 * @property {number} hash_rate Hashes a second.
 * @property {number | null} expected_ms
 * @property {number} found
 *
 * @typedef {object} Key One of the person's keys.
 * @property {string} name
 * @property {string | null} public Null of one that cannot be read.
 * @property {'locked' | 'unlocked' | 'clear' | 'tab' | 'damaged'} state `clear` was stored unencrypted by an earlier version, `tab`
 *   lives in this tab alone.
 * @property {boolean} chosen Whether it is the one that signs.
 *
 * @typedef {object} Draft A key that is being made: it is used once `confirm` resolves, to its public key.
 * @property {string[]} words Its 24 words, to be written down.
 * @property {number[]} places The places, from 1, of three words that `confirm` asks for.
 * @property {(words: string[], name: string, passphrase: string | null) => Promise<string>} confirm
 *
 * @typedef {object} Tip The end of a branch.
 * @property {number} number_of_block
 * @property {string} hash
 * @property {string} total_work
 *
 * @typedef {object} Reorg The chain of this page was left for another with more work.
 * @property {string} hash That of the tip that was undone.
 * @property {number} fork The last block that is known to be on both branches.
 * @property {boolean} is_exact Whether the branches are known to part right above it.
 * @property {number} blocks How many blocks are known to be undone.
 * @property {Tip} undone
 * @property {Tip} holds The tip when this node had caught up.
 * @property {number} seen_unix_ms
 * @property {{ height: number, undone: string | null, holds: string | null }[]} pairs What both branches have right above the fork
 *   and at the height of each tip; null is not known, or not there.
 *
 * @typedef {{ bad: boolean, text: string }} Notice
 *
 * @typedef {object} Details What events carry in their `detail`, by their names.
 * @property {State} state
 * @property {Arrival} block
 * @property {string} block-gone A hash.
 * @property {Reorg} reorg
 * @property {string} reorg-gone A hash.
 * @property {Letter} sent
 * @property {string} sent-gone An id.
 * @property {Mining} mining
 * @property {number} stamping How far the search for a message's stamp is, from 0; at 1 it may still take a while.
 * @property {{ name: string, vectors: boolean }} kernel What searches.
 * @property {Key[]} keys
 * @property {{ ahead_ms: number }} clock How far this machine's clock is ahead of the node's, whenever it connected: of one that is off by
 *   a minute, neither messages nor blocks are taken.
 * @property {Notice} notice
 * @property {null} gpu-lost
 *
 * @typedef {{ addEventListener<Name extends keyof Details>(name: Name, listener: (event: CustomEvent<Details[Name]>) => void,
 *   options?: boolean | AddEventListenerOptions): void } & EventTarget} Speaker
 */

/** The most bytes of a proof file. */
const PROOF_BYTES_MAX = 8_404_992;

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
    this.#api = apiOf(node);
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
   * @param {number} [stampBits] the work that it shows, which takes the place of a fee: 2^`stampBits` hashes, up to 36. What takes long
   *   is told by `stamping` events.
   * @returns {Promise<string>} its id
   */
  submit(recipient, text, stampBits = 12) {
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
    return this.#json(`blocks/${encodeURIComponent(name)}`);
  }

  /**
   * Asks the node for a block, and checks it rule by rule against what this page knows itself.
   * @param {string | number} name a height or a hash
   * @returns {Promise<Trace>}
   */
  async trace(name) {
    const response = await this.#fetch(`blocks/${encodeURIComponent(name)}`, 'application/octet-stream');
    const block = new Uint8Array(await response.arrayBuffer());
    return JSON.parse(await this.#ask('trace', block, String(name)));
  }

  /**
   * Asks the node for a message and its place. What it answers is verified by nobody here.
   * @param {string} id
   * @returns {Promise<Placed>}
   */
  message(id) {
    return this.#json(`messages/${encodeURIComponent(id)}`);
  }

  /**
   * Asks the node what a key signed and what is written to it. What it answers is verified by nobody here.
   * @param {string} key 66 hex digits
   * @param {number} [to] the block to look from, downwards; without it, the newest
   * @returns {Promise<Traces>}
   */
  traces(key, to) {
    return this.#json(`keys/${encodeURIComponent(key)}${to === undefined ? '' : `?to=${to}`}`);
  }

  /**
   * Asks the node for a message's proof file: it shows to anybody, offline, that the message is in the ledger.
   * @param {string} id
   * @returns {Promise<Blob>}
   */
  async proof(id) {
    return (await this.#fetch(`messages/${encodeURIComponent(id)}/proof`, 'application/octet-stream')).blob();
  }

  /**
   * Verifies a proof file, here and with no connection. What is wrong with one that proves nothing is the error's message.
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
    return this.#json('graph');
  }

  /**
   * Asks the node whom it is connected to.
   * @returns {Promise<NodePeer[]>}
   */
  nodePeers() {
    return this.#json('peers');
  }

  /** @param {string} path */
  async #json(path) {
    const response = await this.#fetch(path, 'application/json');
    return response.json().catch(() => Promise.reject(new Error('The node’s answer is not JSON.')));
  }

  /** @param {string} path @param {string} accept */
  async #fetch(path, accept) {
    const response = await fetch(`${this.#api}/${path}`, { headers: { accept } }).catch(() => null);
    if (!response) throw new Error('The node cannot be reached.');
    if (response.ok) return response;
    const answer = await response.json().catch(() => null);
    throw new Error(answer?.error?.message ?? `The node returned status ${response.status}.`);
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

  /** Holds this machine's clock against the node's, which tells whole seconds. */
  async #compareClocks() {
    const begun = Date.now();
    const response = await fetch(`${this.#api}/network`, { cache: 'no-store' }).catch(() => null);
    const date = Date.parse(response?.headers.get('date') ?? '');
    if (date) this.#tell('clock', { ahead_ms: (begun + Date.now()) / 2 - date - 500 });
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

/**
 * The URL below which a node's API lies.
 * @param {string} node
 */
function apiOf(node) {
  const url = node.includes('://') ? node : `ws://${node}`;
  return `${url.replace(/^ws/, 'http').replace(/\/$/, '').replace(/\/p2p$/, '')}/api/v1`;
}
