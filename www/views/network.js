// @ts-check
/** The network as the page's own node sees it. While it is open, it is redrawn periodically. */

import { abbreviated } from '../format.js';
import { byId, make } from './dom.js';
import { LOOKS, NetworkGraph, PERIOD_MS, inWords, legend, time } from './network-graph.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Graph} Graph */

/** The reasons for a link. @type {Record<string, string>} */
const WHYS = {
  nearest: 'one of the nearest known nodes: blocks arrive soonest from there',
  graph: 'expected to speed up block delivery the most, judging by certified latencies',
  random: 'chosen at random, so that nobody can influence the choice',
  feeler: 'temporary, to measure its latency',
  given: 'set by the node’s operator',
  inbound: 'opened by the other node',
};

class PlexusNetwork extends HTMLElement {
  #drawing = new NetworkGraph(byId('network-graph', SVGSVGElement));
  #height = 0;

  /** @param {Client} client */
  connect(client) {
    document.adoptedStyleSheets = [LOOKS];
    byId('network-graph', SVGSVGElement).after(legend());
    const view = byId('network-view', HTMLDetailsElement);
    const draw = () => view.open && !document.hidden && this.#draw(client);
    view.addEventListener('toggle', draw);
    setInterval(draw, PERIOD_MS);
    byId('network-replay', HTMLButtonElement).addEventListener('click', () => this.#drawing.replay());
    client.addEventListener('state', (event) => {
      const { height, phase } = /** @type {CustomEvent<import('../client.js').State>} */ (event).detail;
      const isNews = phase === 'live' && this.#height > 0 && height > this.#height;
      this.#height = height;
      if (isNews && view.open && !document.hidden) this.#drawing.replay();
    });
    if (location.hash === '#network-card') view.open = true;
  }

  /** @param {Client} client */
  async #draw(client) {
    const said = byId('network-said', HTMLElement);
    try {
      const [graph, peers] = await Promise.all([client.graph(), client.nodePeers()]);
      const words = inWords(graph);
      if (said.textContent !== words) said.textContent = words;
      const links = peers.filter(({ role, key }) => role === 'full' && key).sort((a, b) => (a.latency_ms ?? Infinity) - (b.latency_ms ?? Infinity));
      byId('network-links', HTMLElement).replaceChildren(...links.map(linkItem));
      if (!this.#drawing.show(graph)) return;
      byId('network-drawing', HTMLElement).hidden = graph.nodes.length < 2;
      byId('network-nearest', HTMLElement).replaceChildren(...graph.nearest.map(nearItem));
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
  }
}

/** @param {import('../client.js').NodePeer} peer */
function linkItem({ key, slot, outbound, latency_ms }) {
  const why = slot ?? (outbound ? 'given' : 'inbound');
  const far = latency_ms === null ? '' : ` ${time(latency_ms)}`;
  return make('li', { 'data-slot': why }, make('code', { title: key }, abbreviated(key ?? '')), far, make('span', { class: 'quiet' }, ` · ${WHYS[why]}`));
}

/** @param {Graph['nearest'][number]} near */
function nearItem({ key, distance_ms }) {
  return make('li', {}, make('code', { title: key }, abbreviated(key)), ` ${time(distance_ms)}`);
}

customElements.define('plexus-network', PlexusNetwork);
