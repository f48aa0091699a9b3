// @ts-check
/**
 * Elements for pages that embed the light client: `<plexus-blocks>`, `<plexus-graph>` and `<plexus-miner>`.
 *
 * Each has the attribute `node`, the URL of a node, and the property `client`. Elements that name the same
 * node share one client, which closes with the last of them. A client that is set by the property is closed
 * by its owner. The elements inherit the page's font, its colours, and light or dark from its `color-scheme`.
 * `--plexus-accent`, `--plexus-bad` and `--plexus-surface` set colours. `::part` sets the rest. They need the
 * same content security policy as the client.
 */

import { Client } from './client.js';
import { count, hashRate } from './format.js';
import { ageText, hashText, make, moveAges } from './views/dom.js';
import { LOOKS, NetworkGraph, PERIOD_MS, inWords, legend, shape } from './views/network-graph.js';

/**
 * @typedef {import('./client.js').Arrival} Arrival
 * @typedef {import('./client.js').State} State
 */

/** The most blocks in the list. */
const BLOCKS_MAX = 50;
/** The default of the attribute `limit`. */
const BLOCKS = 10;
/** The states of a key that can sign. */
const SIGNING = ['unlocked', 'clear', 'tab'];

/** The text for each phase. Empty if there is nothing to report. @type {Record<State['phase'], string>} */
const PHASES = { connecting: 'Connecting…', syncing: 'Checking the chain…', live: '', offline: 'Offline' };
/** The phases that show the trouble, and the text before it. @type {Partial<Record<State['phase'], string>>} */
const TROUBLED = { syncing: ' ', offline: ': ' };

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host { --surface: var(--plexus-surface, Canvas); --accent: var(--plexus-accent, light-dark(#1b6e5a, #6ccbb0)); --bad: var(--plexus-bad, light-dark(#a53a2b, #f19584)); --quiet: color-mix(in srgb, currentcolor 70%, var(--surface)); --faint: color-mix(in srgb, currentcolor 55%, var(--surface)); --line-strong: color-mix(in srgb, currentcolor 25%, var(--surface)); --mono: ui-monospace, monospace; display: block; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
:host([hidden]), [hidden] { display: none; }
p, ol, dl, dd { margin: 0; padding: 0; list-style: none; }
.quiet, dt, time, .zeros { color: var(--quiet); }
.quiet, dt, time, code { font-size: 0.875em; }
.blocks > li + li { border-top: 1px solid var(--line-strong); }
.blocks > li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.75em; padding: 0.5em 0; }
.text { flex: 1 0 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.blocks b, dd { font-weight: 600; }
time { margin-left: auto; }
code { font-family: var(--mono); }
.valid { color: var(--accent); }
.refused, .error { color: var(--bad); }
dl { display: flex; gap: 1.5em; }
button { margin: 0.75em 0; padding: 0.5em 1em; border: 0; border-radius: 0.5em; background: var(--accent); color: var(--surface); font: inherit; font-weight: 600; cursor: pointer; }
button[part~="on"] { background: none; box-shadow: inset 0 0 0 1px; color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`);

/** The clients that elements started, by node, with the number of elements that use each. @type {Map<string, { client: Client, holders: number }>} */
const shared = new Map();

/** Returns a node's client, for use until the signal. @param {string} node @param {AbortSignal} signal */
function borrow(node, signal) {
  const known = shared.get(node) ?? { client: new Client({ node }), holders: 0 };
  shared.set(node, known);
  known.holders += 1;
  signal.addEventListener('abort', () => {
    known.holders -= 1;
    // An element that is only moved reconnects immediately.
    setTimeout(() => {
      if (known.holders || shared.get(node) !== known) return;
      shared.delete(node);
      known.client.close();
    });
  });
  return known.client;
}

/** The base class of all elements. */
class PlexusElement extends HTMLElement {
  static observedAttributes = ['node', 'limit', 'threads', 'percent'];
  /** The visible content. @internal */
  root = this.attachShadow({ mode: 'open' });
  /** The connection's state, or an error. @internal */
  status = make('p', { class: 'quiet', part: 'status', role: 'status' });
  /** @type {Client | null} */
  #given = null;
  /** @type {Client | null} */
  #client = null;
  #ends = new AbortController();

  /** @param {string} name the accessible name */
  constructor(name) {
    super();
    const internals = this.attachInternals();
    [internals.role, internals.ariaLabel] = ['group', name];
    this.root.adoptedStyleSheets = [LOOKS, SHEET];
    this.root.append(this.status);
  }

  /** The displayed client, or null. A client set here replaces the client of the attribute `node`. Null ends that. */
  get client() {
    return this.#client;
  }

  set client(client) {
    this.#given = client;
    this.#begin();
  }

  /** @internal */
  connectedCallback() {
    // Keep a property that was set before the element was defined.
    if (Object.hasOwn(this, 'client')) {
      const { client } = this;
      delete (/** @type {{ client?: Client | null }} */ (this).client);
      this.#given = client;
    }
    this.#begin();
  }

  /** @internal */
  disconnectedCallback() {
    this.#end();
  }

  /** @internal @param {string} name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(name, old, value) {
    if (old === value || !this.isConnected) return;
    if (name === 'node') this.#begin();
    else this.changed();
  }

  #end() {
    this.#ends.abort();
    this.#client = null;
  }

  #begin() {
    this.#end();
    if (!this.isConnected) return;
    const node = this.getAttribute('node');
    this.#ends = new AbortController();
    const { signal } = this.#ends;
    const client = this.#given ?? (node && borrow(node, signal));
    if (!client) return say(this.status, 'The attribute “node” is missing: the URL of a node.');
    this.#client = client;
    for (const type of /** @type {const} */ (['state', 'mining', 'block', 'block-gone'])) {
      client.addEventListener(type, () => this.draw(client), { signal });
    }
    client.addEventListener('notice', ({ detail: { bad, text } }) => bad && !client.state && say(this.status, text), { signal });
    say(this.status, PHASES.connecting);
    this.draw(client);
    this.begun(client, signal);
  }

  /** Returns the value of an attribute that is a whole number of at least 1. @internal @param {string} name @param {number} otherwise @param {number} most */
  number(name, otherwise, most) {
    return Math.min(most, Math.max(1, Math.trunc(Number(this.getAttribute(name) ?? otherwise)) || otherwise));
  }

  /** Shows the client's state. @internal @param {Client} client */
  draw({ state }) {
    if (state) say(this.status, PHASES[state.phase] + (state.trouble && TROUBLED[state.phase] ? TROUBLED[state.phase] + state.trouble : ''));
  }

  /** Starts to show a client, until the signal. @internal @param {Client} client @param {AbortSignal} signal */
  begun(client, signal) {}

  /** Handles a changed attribute. @internal */
  changed() {}
}

/**
 * The newest blocks with their verdicts, as they are verified here. `limit` is their number: 1 to 50, by default
 * 10. Parts: `blocks`, `block`, and with it `valid`, `undone` or `refused`; `status`.
 */
export class PlexusBlocks extends PlexusElement {
  #list = make('ol', { class: 'blocks', part: 'blocks', role: 'list', 'aria-label': 'Newest blocks' });
  #shown = '';

  constructor() {
    super('Blocks');
    this.root.prepend(this.#list);
  }

  /** @internal @param {Client} client @param {AbortSignal} signal */
  begun(client, signal) {
    every(1000, () => moveAges(this.root), signal);
  }

  /** @internal */
  changed() {
    if (this.client) this.draw(this.client);
  }

  /** @internal @param {Client} client */
  draw(client) {
    super.draw(client);
    // A refused block may claim any height.
    const place = (/** @type {Arrival} */ { number_of_block }) => Math.min(number_of_block, (client.state?.height ?? 0) + 1);
    const newest = [...client.blocks.values()].sort((a, b) => place(b) - place(a) || b.seen_unix_ms - a.seen_unix_ms);
    newest.length = Math.min(newest.length, this.number('limit', BLOCKS, BLOCKS_MAX));
    if (client.state?.phase === 'live' && !newest.length) say(this.status, 'No blocks yet.');
    const shown = newest.map(({ hash, verdict }) => hash + verdict).join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#list.replaceChildren(...newest.map(blockItem));
  }
}

/** @param {Arrival} arrival */
function blockItem({ hash, number_of_block, verdict, failures, block, seen_unix_ms, messages_total }) {
  const text = block ? block.messages[0]?.text ?? 'No messages' : failures.map(({ flag }) => flag).join(', ');
  const more = messages_total > 1 ? ` (+${count(messages_total - 1)})` : '';
  return make('li', { part: `block ${verdict}`, 'data-hash': hash, 'data-verdict': verdict },
    make('b', {}, count(number_of_block)), hashText(hash), make('span', { class: verdict }, verdict),
    ageText(block?.time_unix_ms ?? seen_unix_ms),
    make('span', { class: block?.messages.length ? 'text' : 'text quiet', dir: 'auto' }, text + more));
}

/** The network as its node sees it: a graph of measured latencies. Parts: `graph`, `legend`, `words`, `status`. */
export class PlexusGraph extends PlexusElement {
  #svg = shape('svg', { class: 'graph', part: 'graph', 'aria-labelledby': 'words' });
  #drawing = new NetworkGraph(this.#svg);
  #figure = make('div', { hidden: true }, this.#svg, legend());
  #words = make('p', { id: 'words', class: 'quiet', part: 'words' });
  #height = Infinity;

  constructor() {
    super('Network');
    this.root.prepend(this.#figure, this.#words);
  }

  /** @internal @param {Client} client @param {AbortSignal} signal */
  begun(client, signal) {
    const ask = async () => {
      if (document.hidden) return;
      try {
        const graph = await client.graph();
        if (signal.aborted) return;
        say(this.#words, inWords(graph));
        this.#drawing.show(graph);
        this.#figure.hidden = graph.nodes.length < 2;
      } catch (error) {
        if (!signal.aborted) say(this.#words, /** @type {Error} */ (error).message);
      }
    };
    every(PERIOD_MS, ask, signal);
    ask();
  }

  /** @internal @param {Client} client */
  draw(client) {
    super.draw(client);
    if (client.state?.phase !== 'live') return;
    if (client.state.height > this.#height && !document.hidden) this.#drawing.replay();
    this.#height = client.state.height;
  }
}

/**
 * Mines when the person starts it, with `threads` Workers (by default 1), each for `percent` of the time. It mines
 * for the key that the client signs with, or for a new key of this tab only. Parts: `figures`, `button`, and with
 * it `on` while mining is on; `waiting`, `error`, `status`.
 */
export class PlexusMiner extends PlexusElement {
  #rate = make('dd', {}, '–');
  #found = make('dd', {}, '0');
  #button = make('button', { part: 'button', type: 'button' });
  #waiting = make('p', { class: 'quiet', part: 'waiting', role: 'status' });
  #error = make('p', { class: 'error', part: 'error', role: 'alert' });
  #wanted = false;
  /** True if this element started mining. */
  #began = false;

  constructor() {
    super('Miner');
    const figure = (/** @type {string} */ name, /** @type {Node} */ value) => make('div', {}, make('dt', {}, name), value);
    this.root.prepend(
      make('dl', { part: 'figures' }, figure('Hash rate', this.#rate), figure('Mined here', this.#found)),
      this.#button, this.#waiting, this.#error);
    this.#button.addEventListener('click', () => this.#turn(!this.#wanted));
  }

  /** @param {boolean} wanted */
  async #turn(wanted) {
    const client = this.client;
    say(this.#error, '');
    this.#began = wanted;
    try {
      if (!wanted) return await client?.stopMining();
      const keys = (await client?.keys()) ?? [];
      if (!keys.some(({ chosen, state }) => chosen && SIGNING.includes(state))) await client?.makeEphemeralKey();
      const threads = this.number('threads', 1, navigator.hardwareConcurrency || 1);
      await client?.mine(threads, { percent: Math.max(5, this.number('percent', 100, 100)) });
    } catch (error) {
      say(this.#error, /** @type {Error} */ (error).message);
    }
  }

  /** @internal @param {Client} client @param {AbortSignal} signal */
  begun(client, signal) {
    // Mining that this element started ends with it, even if others use the client. An element that is only moved goes on.
    signal.addEventListener('abort', () => setTimeout(() => {
      if (this.#began && this.client !== client) client.stopMining().catch(() => {});
    }));
  }

  /** @internal */
  changed() {
    if (this.#wanted) this.#turn(true);
  }

  /** @internal @param {Client} client */
  draw(client) {
    super.draw(client);
    const { wanted = false, active = false, hash_rate = 0, found = 0, waiting = '' } = client.mining ?? {};
    this.#wanted = wanted;
    say(this.#button, wanted ? 'Stop mining' : 'Start mining');
    this.#button.part.toggle('on', wanted);
    this.#button.disabled = !this.client;
    say(this.#rate, active && hash_rate ? hashRate(hash_rate) : '–');
    say(this.#found, count(found));
    say(this.#waiting, waiting ?? '');
  }
}

/** Calls `act` repeatedly, until the signal. @param {number} ms @param {() => void} act @param {AbortSignal} signal */
function every(ms, act, signal) {
  const timer = setInterval(act, ms);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** Sets text only if it changes, so that screen readers do not repeat it. @param {HTMLElement} element @param {string} text */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

customElements.define('plexus-blocks', PlexusBlocks);
customElements.define('plexus-graph', PlexusGraph);
customElements.define('plexus-miner', PlexusMiner);
