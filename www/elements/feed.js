// @ts-check
/** Now: the blocks that arrived, the newest first, each with its verdict; undone ones stay to be seen. */

import { abbreviated, count } from '../format.js';
import { blockFields, failureList } from './block.js';
import { ageText, byId, hashText, make } from './make.js';

/** @typedef {import('../client.js').Arrival} Arrival */

/** How many blocks are shown before the person asks for more. */
const SHOWN = 12;

/** @type {Record<Arrival['verdict'], string>} */
const VERDICTS = { valid: 'Valid', undone: 'Undone', refused: 'Refused' };

class PlexusFeed extends HTMLElement {
  /** @type {Map<string, { arrival: Arrival, item: HTMLLIElement }>} */
  #blocks = new Map();
  #key = '';
  #height = 0;
  #limit = SHOWN;
  #drawing = false;
  #drawn = false;

  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('block', (event) => this.#arrived(/** @type {CustomEvent<Arrival>} */ (event).detail));
    client.addEventListener('block-gone', (event) => {
      this.#blocks.delete(/** @type {CustomEvent<string>} */ (event).detail);
      this.#drawSoon();
    });
    client.addEventListener('key', (event) => {
      this.#key = /** @type {CustomEvent<{ public: string }>} */ (event).detail.public;
      for (const { arrival } of this.#blocks.values()) this.#arrived(arrival);
    });
    client.addEventListener('state', (event) => {
      this.#height = /** @type {CustomEvent<import('../client.js').State>} */ (event).detail.height;
    });
    byId('blocks-more', HTMLButtonElement).addEventListener('click', () => {
      this.#limit = Infinity;
      this.#draw();
    });
  }

  /** @param {Arrival} arrival */
  #arrived(arrival) {
    const old = this.#blocks.get(arrival.hash)?.item;
    const item = this.#item(arrival, old?.querySelector('details')?.open ?? false);
    item.classList.toggle('new', !old && this.#drawn);
    old?.replaceWith(item);
    this.#blocks.set(arrival.hash, { arrival, item });
    this.#drawSoon();
  }

  /** @param {Arrival} arrival @param {boolean} open */
  #item(arrival, open) {
    const { hash, number_of_block, verdict, mined_here, block } = arrival;
    const mine = mined_here || (block !== null && block.author === this.#key);
    const details = make('details', { open }, make('summary', {}, ...this.#summary(arrival, mine)));
    const fill = () => {
      if (details.childElementCount > 1) return;
      if (verdict === 'refused') details.append(refusal(arrival));
      if (block) details.append(blockFields(block, arrival.messages_total));
    };
    details.addEventListener('toggle', fill);
    if (open) fill();
    return make(
      'li',
      { 'data-hash': hash, 'data-verdict': verdict, 'data-height': String(number_of_block), 'data-mine': mine },
      details,
    );
  }

  /** @param {Arrival} arrival @param {boolean} mine @returns {HTMLElement[]} */
  #summary({ hash, number_of_block, verdict, block, seen_unix_ms, messages_total, failures }, mine) {
    const head = make('span', { class: 'block-head' },
      make('span', { class: 'block-height' }, count(number_of_block)), hashText(hash));
    const aside = make('span', { class: 'block-aside' },
      make('span', { class: 'verdict', 'data-verdict': verdict }, VERDICTS[verdict]),
      ageText(block?.time_unix_ms ?? seen_unix_ms));
    if (!block) {
      const flags = failures.map(({ flag }) => flag).join(', ');
      return [row(head, aside), row(make('span', { class: 'block-line' }, flags))];
    }
    const author = make('span', { class: 'block-author', title: block.author },
      mine ? make('span', { class: 'you' }, 'you') : abbreviated(block.author));
    const [first] = block.messages;
    const line = make('span', { class: first ? 'block-line' : 'block-line quiet', dir: 'auto' }, first ? first.text : 'No messages');
    const more = messages_total > 1 ? [make('span', { class: 'block-more' }, `+${count(messages_total - 1)}`)] : [];
    return [row(head, aside), row(line, make('span', { class: 'block-foot' }, ...more, author))];
  }

  /** Many blocks may come at once: the list is put in order once for all. */
  #drawSoon() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    // A refused block may claim any height: it is shown where it would have been at most.
    const place = (/** @type {Arrival} */ { number_of_block }) => Math.min(number_of_block, this.#height + 1);
    const sorted = [...this.#blocks.values()].sort(({ arrival: a }, { arrival: b }) =>
      place(b) - place(a) || VERDICTS[b.verdict].localeCompare(VERDICTS[a.verdict]) || b.seen_unix_ms - a.seen_unix_ms);
    /** @type {HTMLLIElement[]} */
    const items = [];
    let above = 0;
    for (const [index, { arrival, item }] of sorted.entries()) {
      item.hidden = index >= this.#limit;
      const gap = above - arrival.number_of_block - 1;
      if (arrival.verdict === 'valid') {
        if (above && gap > 0 && !item.hidden) items.push(gapItem(gap));
        above = arrival.number_of_block;
      }
      items.push(item);
    }
    const list = byId('blocks', HTMLOListElement);
    // Items that stay where they are keep their focus and do not move.
    for (const old of [...list.children]) {
      if (!items.includes(/** @type {HTMLLIElement} */ (old))) old.remove();
    }
    items.forEach((item, index) => {
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    });
    byId('blocks-empty', HTMLElement).hidden = items.length > 0;
    byId('blocks-more', HTMLButtonElement).hidden = sorted.length <= this.#limit;
    this.#drawn = true;
  }
}

/** @param {...HTMLElement} parts */
function row(...parts) {
  return make('span', { class: 'block-row' }, ...parts);
}

/** @param {number} blocks */
function gapItem(blocks) {
  const text = blocks === 1 ? '1 block in between' : `${count(blocks)} blocks in between`;
  return make('li', { class: 'gap' }, `${text}: headers checked, contents not fetched`);
}

/** @param {Arrival} arrival */
function refusal({ hash, failures }) {
  return make('div', { class: 'block-whole' },
    make('p', { class: 'quiet' }, 'This block breaks the rules and is not part of the chain:'),
    failureList(failures),
    make('dl', { class: 'fields' }, make('dt', {}, 'hash'), make('dd', {}, hashText(hash, true))));
}

customElements.define('plexus-feed', PlexusFeed);
