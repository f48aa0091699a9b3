// @ts-check
/** The network as the page's own node sees it. Shown while it is open, and drawn anew every so often. */

import { abbreviated } from '../format.js';
import { Drawing, LOOKS, PERIOD_MS, inWords, legend, time } from './drawing.js';
import { byId, make } from './make.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Graph} Graph */

class PlexusNetwork extends HTMLElement {
  #drawing = new Drawing(byId('network-graph', SVGSVGElement));
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
      const graph = await client.graph();
      const words = inWords(graph);
      if (said.textContent !== words) said.textContent = words;
      if (!this.#drawing.show(graph)) return;
      byId('network-drawing', HTMLElement).hidden = graph.nodes.length < 2;
      byId('network-nearest', HTMLElement).replaceChildren(...graph.nearest.map(nearItem));
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
  }
}

/** @param {Graph['nearest'][number]} near */
function nearItem({ key, distance_ms }) {
  return make('li', {}, make('code', { title: key }, abbreviated(key)), ` ${time(distance_ms)}`);
}

customElements.define('plexus-network', PlexusNetwork);
