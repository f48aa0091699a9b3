// @ts-check
/**
 * Draws the network as a node sees it: a graph of round trips that both ends of each link signed. The node
 * computes the layout. Also describes the graph in words, and animates how a block of the node travels.
 */

import { abbreviated, count } from '../format.js';
import { fill, make } from './dom.js';

/** @typedef {import('../client.js').Graph} Graph */

/** The side of the drawing, in its own units. */
const SIDE = 1000;
/** The animation of a block is this many times slower than reality. */
const SLOWER = 12;
/** The time for which a reached node stays lit, milliseconds. */
const LIT_MS = 900;
/** With at most this many nodes, each is labelled with its name. */
const NAMES_MAX = 60;
/** The interval at which a visible graph is requested, milliseconds. */
export const PERIOD_MS = 10_000;

/** The styles of drawing and legend, in the colours of the view around them. */
export const LOOKS = new CSSStyleSheet();
LOOKS.replaceSync(`
.graph { display: block; width: 100%; max-width: 44rem; margin: 0.75rem auto; aspect-ratio: 1; }
.graph .ring { fill: none; stroke: var(--line-strong); stroke-dasharray: 4 6; }
.graph text { fill: var(--quiet); font-size: 18px; paint-order: stroke; stroke: var(--surface); stroke-width: 5px; }
.graph .scale { text-anchor: middle; }
.graph .name { font-family: var(--mono); }
.graph line { stroke: var(--faint); stroke-width: 1.5; opacity: 0.55; }
.graph .tree { stroke: var(--accent); stroke-width: 2.5; opacity: 1; }
.graph .bridge { stroke: var(--bad); stroke-width: 4; opacity: 1; }
.graph .node { fill: var(--quiet); stroke: var(--surface); stroke-width: 2.5; }
.graph .own { fill: var(--accent); }
.graph .weak { fill: var(--bad); }
.graph .reached { fill: var(--accent); }
.graph .off { fill: var(--line-strong); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; margin: 0 0 0.75rem; padding: 0; color: var(--quiet); font-size: 0.8125rem; list-style: none; }
.legend > li::before { display: inline-block; width: 0.625rem; height: 0.625rem; margin-right: 0.375rem; border-radius: 50%; background: var(--quiet); content: ""; }
.legend > .own::before, .legend > .tree::before { background: var(--accent); }
.legend > .weak::before { background: var(--bad); }
.legend > :is(.tree, .link)::before { width: 1.25rem; height: 0.1875rem; border-radius: 0; vertical-align: middle; }
.legend > .link::before { background: var(--faint); }
`);

/** A drawing, within an `<svg class="graph">`. */
export class NetworkGraph {
  #svg;
  /** @type {Graph | undefined} */
  #graph;
  /** @type {Map<string, SVGCircleElement>} */
  #spots = new Map();

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
    svg.setAttribute('viewBox', `0 0 ${SIDE} ${SIDE}`);
    svg.setAttribute('role', 'img');
  }

  /** Draws a graph. Returns false if it is already drawn. @param {Graph} graph */
  show(graph) {
    if (JSON.stringify(graph) === JSON.stringify(this.#graph)) return false;
    this.#graph = graph;
    const places = new Map(graph.nodes.map((node) => [node.key, node]));
    this.#spots.clear();
    const rings = graph.rings.flatMap(({ radius, after_ms }) => [
      shape('circle', { class: 'ring', cx: SIDE / 2, cy: SIDE / 2, r: radius * SIDE }),
      // To the side, away from the first nodes.
      shape('text', { class: 'scale', x: (0.5 - radius * 0.6) * SIDE, y: (0.5 - radius * 0.8) * SIDE - 6 }, `${after_ms} ms`),
    ]);
    const lines = graph.links.flatMap(({ a, b, rtt_ms, tree, bridge }) => {
      const [from, to] = [places.get(a), places.get(b)];
      if (!from || !to) return [];
      const name = bridge ? 'bridge' : tree ? 'tree' : 'link';
      const ends = { x1: from.x * SIDE, y1: from.y * SIDE, x2: to.x * SIDE, y2: to.y * SIDE };
      return [shape('line', { class: name, ...ends }, shape('title', {}, `${abbreviated(a)} – ${abbreviated(b)}: ${time(rtt_ms)}`))];
    });
    // The most important links are drawn last, over the others.
    const order = ['link', 'tree', 'bridge'];
    lines.sort((a, b) => order.indexOf(a.getAttribute('class') ?? '') - order.indexOf(b.getAttribute('class') ?? ''));
    const spots = graph.nodes.map(({ key, x, y, distance_ms, weak }) => {
      const own = key === graph.own;
      const name = own ? 'node own' : distance_ms === null ? 'node off' : weak ? 'node weak' : 'node';
      const far = own ? 'this page’s node' : distance_ms === null ? 'no known path' : time(distance_ms);
      const spot = shape('circle', { class: name, cx: x * SIDE, cy: y * SIDE, r: own ? 12 : 8 }, shape('title', {}, `${key}: ${far}`));
      this.#spots.set(key, spot);
      return spot;
    });
    const named = graph.nodes.length <= NAMES_MAX ? graph.nodes : [];
    const names = named.map(({ key, x, y }) => {
      const side = x < 0.88 ? { x: x * SIDE + 14, 'text-anchor': 'start' } : { x: x * SIDE - 14, 'text-anchor': 'end' };
      return shape('text', { class: 'name', y: y * SIDE + 5, ...side }, key.slice(2, 8));
    });
    this.#svg.replaceChildren(...rings, ...lines, ...names, ...spots);
    return true;
  }

  /** Lights the nodes up in the order in which a block of this page's node reaches them. */
  replay() {
    if (!this.#graph) return;
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    for (const { key, distance_ms } of this.#graph.nodes) {
      const spot = this.#spots.get(key);
      if (distance_ms === null || !spot) continue;
      const delay = distance_ms * SLOWER;
      if (still) {
        // No motion: each node changes its colour for the same time.
        setTimeout(() => spot.classList.add('reached'), delay);
        setTimeout(() => spot.classList.remove('reached'), delay + LIT_MS);
      } else {
        spot.animate([{ r: '20px', fill: 'var(--accent)' }, {}], { duration: LIT_MS, delay, easing: 'ease-out' });
      }
    }
  }
}

/**
 * Returns a part of a drawing.
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {import('./dom.js').Attributes} attributes
 * @param {...(Node | string)} children
 */
export function shape(name, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

/** Returns the legend of the drawing's colours. */
export function legend() {
  const entries = Object.entries({
    own: 'this page’s node',
    node: 'a node: the farther out, the longer a block takes',
    weak: 'its loss would split the network',
    tree: 'the path of a block',
    link: 'another link',
  });
  return make('ul', { class: 'legend', part: 'legend', role: 'list' }, ...entries.map(([name, text]) => make('li', { class: name }, text)));
}

/** Returns a description of a graph in words. @param {Graph} graph */
export function inWords({ nodes_in_all, nodes, diameter_ms, bridges, weak_points, cut_off, levels }) {
  if (nodes_in_all < 2) return 'This page’s node has certified no link yet. That needs two full nodes and a few seconds.';
  const reached = nodes.flatMap(({ distance_ms }) => (distance_ms === null ? [] : [distance_ms])).sort((a, b) => a - b);
  const half = reached[Math.floor(reached.length / 2)];
  const last = reached[reached.length - 1];
  const facts = [
    `${count(nodes_in_all)} nodes, up to ${plural(levels.length - 1, 'link')} away.`,
    `A block of this page’s node is expected to reach half of them in ${time(half)} and the last in ${time(last)}. The two most distant nodes are ${time(diameter_ms)} apart.`,
    bridges + weak_points ? `Single points of failure: ${plural(weak_points, 'node')} and ${plural(bridges, 'link')}.` : 'There is no single point of failure.',
  ];
  if (cut_off) facts.push(`No path is known to ${plural(cut_off, 'node')}.`);
  return facts.join(' ');
}

/** Returns milliseconds with two digits or as a whole number. @param {number} ms */
export function time(ms) {
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
}

/** @param {number} number @param {string} noun */
function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
