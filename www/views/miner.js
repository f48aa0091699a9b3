// @ts-check
/** Mine: the user starts and stops it. It never starts by itself. */

import { count, duration, hashRate } from '../format.js';
import { announce, byId } from './dom.js';
import { withKey } from './key.js';

/** @typedef {import('../client.js').Mining} Mining */

/** The storage key of the setting that the GPU mines, too. */
const GPU = 'plexus-gpu';
/** The number of rates in the line, and the size of its drawing. */
const [RATES_MAX, WIDTH, HEIGHT] = [120, 240, 32];

class PlexusMineView extends HTMLElement {
  #wanted = false;
  #found = 0;
  #shown = false;
  /** The newest rates, hashes per second. @type {number[]} */
  #rates = [];

  /** @param {import('../client.js').Client} client */
  connect(client) {
    const threads = byId('mine-threads', HTMLInputElement);
    const most = Math.max(1, navigator.hardwareConcurrency || 1);
    threads.max = String(most);
    threads.value = '1';
    // With one core there is no choice.
    threads.disabled = most === 1;
    const { percent, hidden, battery } = this.#controls();
    byId('mine-battery-view', HTMLElement).hidden = !('getBattery' in navigator);
    for (const control of [threads, percent, hidden, battery]) {
      control.addEventListener('input', () => this.#showEffort());
      control.addEventListener('change', () => this.#wanted && this.#mine(client));
    }
    byId('mine-toggle', HTMLButtonElement).addEventListener('click', async () => {
      const error = byId('mine-error', HTMLElement);
      error.hidden = true;
      try {
        if (this.#wanted) await client.stopMining();
        else if (await withKey(client, 'A block carries the key of its miner.')) await this.#mine(client);
      } catch (refusal) {
        error.textContent = /** @type {Error} */ (refusal).message;
        error.hidden = false;
      }
    });
    client.addEventListener('mining', (event) => this.#show(/** @type {CustomEvent<Mining>} */ (event).detail));
    client.addEventListener('kernel', (event) => {
      const { name, vectors } = /** @type {CustomEvent<{ name: string, vectors: boolean }>} */ (event).detail;
      const rate = byId('hash-rate', HTMLElement);
      [rate.dataset.kernel, rate.dataset.vectors, rate.title] = [name, String(vectors), `Kernel: ${name}`];
    });
    this.#showEffort();
    this.#offerGpu(client);
  }

  /** Shows the switch for the GPU, if the browser offers one. @param {import('../client.js').Client} client */
  async #offerGpu(client) {
    // Editors do not know the types of WebGPU yet.
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

  #controls() {
    const control = (/** @type {string} */ name) => byId(`mine-${name}`, HTMLInputElement);
    return { threads: control('threads'), percent: control('percent'), hidden: control('hidden'), battery: control('battery') };
  }

  /** @param {import('../client.js').Client} client */
  #mine(client) {
    const { threads, percent, hidden, battery } = this.#controls();
    const effort = { percent: percent.valueAsNumber, pausesHidden: hidden.checked, pausesOnBattery: battery.checked };
    return client.mine(threads.valueAsNumber, effort);
  }

  /** Restores the last choice, as far as this machine allows. @param {Mining} mining */
  #choose({ threads: count, percent: part, pauses_hidden, pauses_on_battery }) {
    const { threads, percent, hidden, battery } = this.#controls();
    threads.value = String(Math.min(Number(threads.max), Math.max(1, count)));
    percent.value = String(part);
    [hidden.checked, battery.checked] = [pauses_hidden, pauses_on_battery];
    this.#showEffort();
  }

  #showEffort() {
    const { threads, percent } = this.#controls();
    byId('mine-threads-value', HTMLElement).textContent = `${threads.value} of ${threads.max}`;
    byId('mine-percent-value', HTMLElement).textContent = `${percent.value} % of the time`;
  }

  /** @param {Mining} mining */
  #show(mining) {
    const { wanted, active, waiting, hash_rate, expected_ms, found } = mining;
    if (!this.#shown) this.#choose(mining);
    this.#shown = true;
    this.#wanted = wanted;
    const toggle = byId('mine-toggle', HTMLButtonElement);
    toggle.textContent = wanted ? 'Stop mining' : 'Start mining';
    toggle.setAttribute('aria-pressed', String(wanted));
    this.dataset.mining = active ? 'active' : wanted ? 'waiting' : 'off';
    byId('hash-rate', HTMLElement).textContent = active && hash_rate ? hashRate(hash_rate) : '–';
    byId('mine-expected', HTMLElement).textContent = active && expected_ms ? expected_ms < 1000 ? '< 1 s' : `≈ ${duration(expected_ms)}` : '–';
    byId('mine-chance', HTMLElement).textContent = active && expected_ms ? chance(expected_ms) : '–';
    this.#drawRates(active && hash_rate ? hash_rate : 0);
    byId('mine-found', HTMLElement).textContent = count(found);
    byId('mine-waiting', HTMLElement).textContent = waiting ?? '';
    if (found > this.#found) announce(found === 1 ? 'You mined a block.' : `You mined ${found} blocks.`);
    this.#found = found;
  }

  /** @param {number} rate */
  #drawRates(rate) {
    if (rate === 0 && this.#rates.every((earlier) => earlier === 0)) return;
    this.#rates = [...this.#rates, rate].slice(-RATES_MAX);
    const most = Math.max(...this.#rates);
    const step = WIDTH / (RATES_MAX - 1);
    const first = RATES_MAX - this.#rates.length;
    const points = this.#rates.map((rate, index) => `${((first + index) * step).toFixed(1)},${(HEIGHT - 2 - (HEIGHT - 4) * rate / most).toFixed(1)}`);
    const line = byId('mine-rates', SVGSVGElement);
    line.querySelector('polyline')?.setAttribute('points', points.join(' '));
    line.toggleAttribute('hidden', false);
  }
}

/**
 * Returns the chance to mine a block within a minute, if one takes `expected_ms` on average.
 * @param {number} expected_ms
 */
function chance(expected_ms) {
  const percent = 100 * (1 - Math.exp(-60_000 / expected_ms));
  return percent > 99.5 ? '> 99 %' : percent < 0.01 ? '< 0.01 %' : `${percent.toFixed(percent < 1 ? 2 : percent < 10 ? 1 : 0)} %`;
}

/** Returns the stored setting, or null if the browser stores nothing for this page. */
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
    // Not stored: the user has to choose again next time.
  }
}

customElements.define('plexus-mine-view', PlexusMineView);
