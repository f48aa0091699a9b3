// @ts-check
/**
 * The network as the page's own node sees it: a graph of round trips that both ends of each link signed, laid out by the node; and
 * how a block of its travels there. Shown while it is open, and drawn anew every so often.
 */

import { abbreviated, count } from '../format.js';
import { byId, make } from './make.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Graph} Graph */

const SVG = 'http://www.w3.org/2000/svg';
/** The side of the drawing, in its own units. */
const SIDE = 1000;
/** How often the graph is asked for, milliseconds. */
const PERIOD_MS = 10_000;
/** A block's way is shown so many times slower than it is. */
const SLOWER = 12;
/** How long a node that it reaches stays lit, milliseconds. */
const LIT_MS = 900;
/** Up to how many nodes each bears its name. */
const NAMES_MAX = 60;

class PlexusNetwork extends HTMLElement {
  /** @type {Graph | undefined} */
  #graph;
  /** @type {Map<string, SVGCircleElement>} */
  #spots = new Map();
  #height = 0;

  /** @param {Client} client */
  connect(client) {
    const view = byId('network-view', HTMLDetailsElement);
    const draw = () => view.open && !document.hidden && this.#draw(client);
    view.addEventListener('toggle', draw);
    setInterval(draw, PERIOD_MS);
    byId('network-replay', HTMLButtonElement).addEventListener('click', () => this.#replay());
    client.addEventListener('state', (event) => {
      const { height, phase } = /** @type {CustomEvent<import('../client.js').State>} */ (event).detail;
      const isNews = phase === 'live' && this.#height > 0 && height > this.#height;
      this.#height = height;
      if (isNews && view.open && !document.hidden) this.#replay();
    });
    if (location.hash === '#network-card') view.open = true;
  }

  /** @param {Client} client */
  async #draw(client) {
    const said = byId('network-said', HTMLElement);
    try {
      const graph = await client.graph();
      if (JSON.stringify(graph) === JSON.stringify(this.#graph)) return;
      this.#graph = graph;
      said.textContent = inWords(graph);
      this.#picture(graph);
      byId('network-nearest', HTMLElement).replaceChildren(...graph.nearest.map(nearItem));
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {Graph} graph */
  #picture(graph) {
    const svg = byId('network-graph', SVGSVGElement);
    const places = new Map(graph.nodes.map((node) => [node.key, node]));
    this.#spots.clear();
    const rings = graph.rings.flatMap(({ radius, after_ms }) => [
      shape('circle', { class: 'ring', cx: SIDE / 2, cy: SIDE / 2, r: radius * SIDE }),
      // Aside, where the first nodes are not.
      shape('text', { class: 'scale', x: (0.5 - radius * 0.6) * SIDE, y: (0.5 - radius * 0.8) * SIDE - 6 }, `${after_ms} ms`),
    ]);
    const lines = graph.links.flatMap(({ a, b, rtt_ms, tree, bridge }) => {
      const [from, to] = [places.get(a), places.get(b)];
      if (!from || !to) return [];
      const name = bridge ? 'bridge' : tree ? 'tree' : 'link';
      const ends = { x1: from.x * SIDE, y1: from.y * SIDE, x2: to.x * SIDE, y2: to.y * SIDE };
      return [shape('line', { class: name, ...ends }, shape('title', {}, `${abbreviated(a)} – ${abbreviated(b)}: ${time(rtt_ms)}`))];
    });
    // What matters most is drawn last, over the rest.
    const order = ['link', 'tree', 'bridge'];
    lines.sort((a, b) => order.indexOf(a.getAttribute('class') ?? '') - order.indexOf(b.getAttribute('class') ?? ''));
    const spots = graph.nodes.map(({ key, x, y, distance_ms, weak }) => {
      const own = key === graph.own;
      const name = own ? 'node own' : distance_ms === null ? 'node off' : weak ? 'node weak' : 'node';
      const far = own ? 'this page’s node' : distance_ms === null ? 'cut off from us' : time(distance_ms);
      const spot = shape('circle', { class: name, cx: x * SIDE, cy: y * SIDE, r: own ? 12 : 8 }, shape('title', {}, `${key}: ${far}`));
      this.#spots.set(key, /** @type {SVGCircleElement} */ (spot));
      return spot;
    });
    const named = graph.nodes.length <= NAMES_MAX ? graph.nodes : [];
    const names = named.map(({ key, x, y }) => {
      const side = x < 0.88 ? { x: x * SIDE + 14, 'text-anchor': 'start' } : { x: x * SIDE - 14, 'text-anchor': 'end' };
      return shape('text', { class: 'name', y: y * SIDE + 5, ...side }, key.slice(2, 8));
    });
    svg.replaceChildren(...rings, ...lines, ...names, ...spots);
    byId('network-drawing', HTMLElement).hidden = graph.nodes.length < 2;
  }

  /** Lights the nodes up in the order in which a block of this page's node reaches them. */
  #replay() {
    if (!this.#graph) return;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    for (const { key, distance_ms } of this.#graph.nodes) {
      const spot = this.#spots.get(key);
      if (distance_ms === null || !spot) continue;
      const delay = distance_ms * SLOWER;
      if (still) {
        // Nothing moves: each takes another colour for as long.
        setTimeout(() => spot.classList.add('reached'), delay);
        setTimeout(() => spot.classList.remove('reached'), delay + LIT_MS);
      } else {
        spot.animate([{ r: '20px', fill: 'var(--accent)' }, {}], { duration: LIT_MS, delay, easing: 'ease-out' });
      }
    }
  }
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function shape(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) {
    element.setAttribute(attribute, typeof value === 'number' ? String(Math.round(value * 10) / 10) : value);
  }
  element.append(...children);
  return element;
}

/** @param {Graph} graph */
function inWords({ nodes_in_all, nodes, diameter_ms, bridges, weak_points, cut_off, levels }) {
  if (nodes_in_all < 2) return 'This page’s node has certified no link yet: it takes two full nodes, and some seconds.';
  const reached = nodes.flatMap(({ distance_ms }) => (distance_ms === null ? [] : [distance_ms])).sort((a, b) => a - b);
  const half = reached[Math.floor(reached.length / 2)];
  const last = reached[reached.length - 1];
  const facts = [
    `${count(nodes_in_all)} nodes, up to ${plural(levels.length - 1, 'link')} away.`,
    `A block of this page’s node is expected to reach half of them in ${time(half)} and the last in ${time(last)}; no two nodes are over ${time(diameter_ms)} apart.`,
    bridges + weak_points ? `${plural(weak_points, 'node')} and ${plural(bridges, 'link')} would split the network, were they lost.` : 'No single loss would split it.',
  ];
  if (cut_off) facts.push(`No path is known to ${plural(cut_off, 'node')}.`);
  return facts.join(' ');
}

/** Milliseconds in two digits or whole. @param {number} ms */
function time(ms) {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}

/** @param {number} number @param {string} noun */
function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** @param {Graph['nearest'][number]} near */
function nearItem({ key, distance_ms }) {
  return make('li', {}, make('code', { title: key }, abbreviated(key)), ` ${time(distance_ms)}`);
}

customElements.define('plexus-network', PlexusNetwork);
