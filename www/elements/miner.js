// @ts-check
/** Mine: started and stopped by the person, never by itself. */

import { count, duration, short } from '../format.js';
import { announce, byId } from './make.js';

/** @typedef {import('../client.js').Mining} Mining */

/** Where the browser keeps whether the graphics processor mines, too. */
const GPU = 'plexus-gpu';

class PlexusMiner extends HTMLElement {
  #wanted = false;
  #found = 0;
  #shown = false;

  /** @param {import('../client.js').Client} client */
  connect(client) {
    const threads = byId('mine-threads', HTMLInputElement);
    const most = Math.max(1, navigator.hardwareConcurrency || 1);
    threads.max = String(most);
    threads.value = '1';
    // One core leaves nothing to choose.
    threads.disabled = most === 1;
    threads.addEventListener('input', () => this.#showThreads());
    threads.addEventListener('change', () => this.#wanted && client.mine(threads.valueAsNumber));
    byId('mine-toggle', HTMLButtonElement).addEventListener('click', async () => {
      const error = byId('mine-error', HTMLElement);
      error.hidden = true;
      try {
        await (this.#wanted ? client.stopMining() : client.mine(threads.valueAsNumber));
      } catch (refusal) {
        error.textContent = /** @type {Error} */ (refusal).message;
        error.hidden = false;
      }
    });
    client.addEventListener('mining', (event) => this.#show(/** @type {CustomEvent<Mining>} */ (event).detail));
    this.#showThreads();
    this.#offerGpu(client);
  }

  /** The switch for the graphics processor, where the browser has one to offer. @param {import('../client.js').Client} client */
  async #offerGpu(client) {
    // The types of WebGPU are not yet part of what editors know.
    const gpu = /** @type {any} */ (navigator).gpu;
    if (!(await gpu?.requestAdapter().catch(() => null))) return;
    const wanted = byId('mine-gpu', HTMLInputElement);
    const use = () => client.useGpu(wanted.checked);
    wanted.checked = recall() === 'true';
    wanted.addEventListener('change', () => {
      remember(String(wanted.checked));
      use();
    });
    client.addEventListener('gpu-lost', () => (wanted.checked = false));
    if (wanted.checked) use();
    byId('mine-gpu-row', HTMLElement).hidden = false;
  }

  /** What was chosen last time, as far as this machine has it. @param {number} count */
  #choose(count) {
    const threads = byId('mine-threads', HTMLInputElement);
    threads.value = String(Math.min(Number(threads.max), Math.max(1, count)));
    this.#showThreads();
  }

  #showThreads() {
    const threads = byId('mine-threads', HTMLInputElement);
    byId('mine-threads-value', HTMLElement).textContent = `${threads.value} of ${threads.max}`;
  }

  /** @param {Mining} mining */
  #show({ wanted, active, waiting, threads, hash_rate, expected_ms, found }) {
    if (!this.#shown) this.#choose(threads);
    this.#shown = true;
    this.#wanted = wanted;
    const toggle = byId('mine-toggle', HTMLButtonElement);
    toggle.textContent = wanted ? 'Stop mining' : 'Start mining';
    toggle.setAttribute('aria-pressed', String(wanted));
    this.dataset.mining = active ? 'active' : wanted ? 'waiting' : 'off';
    byId('hash-rate', HTMLElement).textContent = active && hash_rate ? `${short(hash_rate)}H/s`.replace(/(\d)H/, '$1 H') : '–';
    byId('mine-expected', HTMLElement).textContent = active && expected_ms ? expected_ms < 1000 ? '< 1 s' : `≈ ${duration(expected_ms)}` : '–';
    byId('mine-found', HTMLElement).textContent = count(found);
    byId('mine-waiting', HTMLElement).textContent = waiting ?? '';
    if (found > this.#found) announce(found === 1 ? 'You mined a block.' : `You mined ${found} blocks.`);
    this.#found = found;
  }
}

/** A browser that keeps nothing for this page has nothing to recall. */
function recall() {
  try {
    return localStorage.getItem(GPU);
  } catch {
    return null;
  }
}

/** @param {string} text */
function remember(text) {
  try {
    localStorage.setItem(GPU, text);
  } catch {
    // It is asked for again next time.
  }
}

customElements.define('plexus-miner', PlexusMiner);
