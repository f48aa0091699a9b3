// @ts-check
/** Now: the blocks that arrived, the newest first, each with its verdict. Undone blocks stay visible. */

import { abbreviated, count } from '../format.js';
import { blockFields, failureList } from './block.js';
import { ageText, byId, hashText, make } from './dom.js';
import { forkView, reorgLine, reorgView } from './reorg.js';

/** @typedef {import('../client.js').Arrival} Arrival */
/** @typedef {import('../client.js').Reorg} Reorg */

/** The number of blocks that are listed before the user asks for more. The client reports some thousand at most. */
const SHOWN = 12;
/** The number of rows that are made before they are asked for. */
const AHEAD = 48;
/** The number of rows that are then made with each frame. */
const ROWS = 16;
/** From here on rows are laid out when they are seen: more than there is place for on a screen. */
const FAR = 32;
/** The time in milliseconds that rows take to move down for a new one. */
const GLIDE_MS = 350;

/** @type {Record<Arrival['verdict'], string>} */
const VERDICTS = { valid: 'Valid', undone: 'Undone', refused: 'Refused' };
/** The order of blocks at one height. A reorganisation stands above the tip that it led to. */
const RANKS = { valid: 0, undone: 1, refused: 2 };
const REORG_RANK = -1;

/** @typedef {{ arrival?: Arrival, reorg?: Reorg, place: number, item?: HTMLLIElement, gap?: HTMLLIElement }} Row A block or a reorganisation, made into an item once it is listed. */

/** Above this number of blocks in a second, they are shown together, at intervals and without motion. Otherwise no block could be read. */
const READABLE = 5;
/** The interval in milliseconds. */
const READ_MS = 500;
/** The time in milliseconds in which a page that was just checked may catch up. Blocks that come then do not count. */
const CATCH_UP_MS = 2_000;
/** The time in milliseconds that blocks wait for one another while the chain is being checked. */
const TOGETHER_MS = 150;

/** Before a hash, it names a reorganisation. */
const REORG = 'reorg ';

class PlexusFeed extends HTMLElement {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** The same, the highest first. @type {Row[]} */
  #order = [];
  /** The user's public keys. @type {Set<string | null>} */
  #keys = new Set();
  #height = 0;
  #live = false;
  /** Since when. */
  #since = 0;
  #limit = SHOWN;
  /** When the newest blocks came, while live. @type {number[]} */
  #times = [];
  #drawing = false;
  #drawn = false;

  /** @param {import('../client.js').Client} client */
  connect(client) {
    client.addEventListener('block', (event) => {
      // Those that a page catches up with come at once, and no more than once.
      if (this.#live && performance.now() - this.#since > CATCH_UP_MS) this.#times = [...this.#times, performance.now()].slice(-READABLE);
      this.#arrived(/** @type {CustomEvent<Arrival>} */ (event).detail);
    });
    client.addEventListener('block-gone', ({ detail }) => this.#gone(detail));
    client.addEventListener('reorg', ({ detail }) => {
      this.#gone(REORG + detail.hash);
      const row = { reorg: detail, place: detail.holds.number_of_block };
      this.#rows.set(REORG + detail.hash, row);
      this.#put(row);
    });
    client.addEventListener('reorg-gone', ({ detail }) => this.#gone(REORG + detail));
    client.addEventListener('keys', (event) => {
      const keys = new Set(/** @type {CustomEvent<import('../client.js').Key[]>} */ (event).detail.map((key) => key.public));
      const changed = this.#arrivals().filter(({ block }) => block && keys.has(block.author) !== this.#keys.has(block.author));
      this.#keys = keys;
      for (const arrival of changed) this.#arrived(arrival);
    });
    client.addEventListener('state', (event) => {
      const { height, phase } = /** @type {CustomEvent<import('../client.js').State>} */ (event).detail;
      if (!this.#live && phase === 'live') this.#since = performance.now();
      this.#live = phase === 'live';
      if (height === this.#height) return;
      this.#height = height;
      for (const row of this.#order.filter(({ arrival }) => arrival?.verdict === 'refused')) this.#put(row);
    });
    byId('blocks-more', HTMLButtonElement).addEventListener('click', () => this.#more());
  }

  /** Lists all, some with each frame. */
  #more() {
    this.#limit += ROWS;
    this.#draw();
    if (this.#limit < this.#order.length) requestAnimationFrame(() => this.#more());
    else this.#limit = Infinity;
  }

  /** All blocks of the list. */
  #arrivals() {
    return this.#order.flatMap(({ arrival }) => arrival ?? []);
  }

  /** @param {string} name */
  #gone(name) {
    const row = this.#rows.get(name);
    if (!row) return;
    this.#rows.delete(name);
    this.#order.splice(this.#order.indexOf(row), 1);
    this.#drawSoon();
  }

  /** @param {Arrival} arrival */
  #arrived(arrival) {
    const old = this.#rows.get(arrival.hash);
    /** @type {Row} */
    const row = { arrival, place: 0 };
    if (old) this.#order.splice(this.#order.indexOf(old), 1);
    if (old?.item) {
      row.item = this.#item(arrival, old.item.querySelector('details')?.open ?? false);
      old.item.replaceWith(row.item);
      old.gap?.remove();
    }
    this.#rows.set(arrival.hash, row);
    this.#put(row);
  }

  /** Puts a row where it belongs. @param {Row} row */
  #put(row) {
    const order = this.#order;
    if (order.includes(row)) order.splice(order.indexOf(row), 1);
    // A refused block may claim any height: it is shown where it would have been at most.
    if (row.arrival) row.place = row.arrival.verdict === 'refused' ? Math.min(row.arrival.number_of_block, this.#height + 1) : row.arrival.number_of_block;
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAbove(order[middle], row)) low = middle + 1;
      else high = middle;
    }
    order.splice(low, 0, row);
    this.#drawSoon();
  }

  /** @param {Arrival} arrival @param {boolean} open */
  #item(arrival, open) {
    const { hash, number_of_block, verdict, mined_here, block } = arrival;
    const mine = mined_here || (block !== null && this.#keys.has(block.author));
    const details = make('details', { open }, make('summary', {}, ...this.#summary(arrival, mine)));
    const fill = () => {
      if (details.childElementCount > 1) return;
      if (verdict === 'refused') details.append(refusal(arrival));
      if (verdict === 'undone' && block) details.append(forkView(block, this.#arrivals(), this.#order.flatMap(({ reorg }) => reorg ?? [])));
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

  /** @param {Reorg} reorg */
  #reorgItem(reorg) {
    const { fork, is_exact, seen_unix_ms, undone } = reorg;
    const head = make('span', { class: 'block-head' },
      make('span', { class: 'block-height' }, `${is_exact ? 'Above' : 'Somewhere above'} block ${count(fork)}`));
    const aside = make('span', { class: 'block-aside' },
      make('span', { class: 'verdict', 'data-verdict': 'undone' }, 'Replaced'), ageText(seen_unix_ms));
    const details = make('details', {}, make('summary', {}, row(head, aside), row(make('span', { class: 'block-line' }, reorgLine(reorg)))));
    details.addEventListener('toggle', () => {
      if (details.childElementCount === 1) details.append(reorgView(reorg, this.#arrivals()));
    });
    return make('li', { class: 'reorg', 'data-reorg': undone.hash }, details);
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
    const draw = () => {
      this.#drawing = false;
      this.#draw();
    };
    // While the chain is being checked, blocks come one upon the other.
    if (this.#isRush()) setTimeout(draw, READ_MS);
    else if (this.#live) queueMicrotask(draw);
    else setTimeout(draw, TOGETHER_MS);
  }

  /** Whether blocks come faster than they can be read. */
  #isRush() {
    return this.#times.length === READABLE && performance.now() - this.#times[0] < 1000;
  }

  #draw() {
    const isRush = this.#isRush();
    const list = byId('blocks', HTMLOListElement);
    const made = Math.max(this.#limit, AHEAD);
    /** @type {Set<Element>} */
    const items = new Set();
    let above = 0;
    let [isLonger, isShift] = [false, false];
    for (const [index, row] of this.#order.slice(0, made).entries()) {
      const isNew = !row.item;
      row.item ??= row.reorg ? this.#reorgItem(row.reorg) : this.#item(/** @type {Arrival} */ (row.arrival), false);
      row.item.hidden = index >= this.#limit;
      row.item.classList.toggle('far', index >= FAR);
      if (isNew) row.item.classList.toggle('new', this.#drawn && this.#live && !isRush);
      // What comes above others pushes them down.
      isShift ||= isLonger && !isNew;
      isLonger ||= isNew && !row.item.hidden;
      if (row.arrival?.verdict === 'valid') {
        const { number_of_block } = row.arrival;
        const gap = above - number_of_block - 1;
        if (above && gap > 0 && !row.item.hidden) {
          if (row.gap?.dataset.blocks !== String(gap)) row.gap = gapItem(gap);
          items.add(row.gap);
        }
        above = number_of_block;
      }
      items.add(row.item);
    }
    const still = isShift && this.#drawn && !isRush ? this.#seen() : [];
    // Items that stay where they are keep their focus and do not move.
    for (const old of [...list.children]) if (!items.has(old)) old.remove();
    let next = list.firstElementChild;
    for (const item of items) {
      if (next === item) next = item.nextElementSibling;
      else list.insertBefore(item, next);
    }
    glide(still);
    byId('blocks-empty', HTMLElement).hidden = items.size > 0;
    byId('blocks-more', HTMLButtonElement).hidden = this.#order.length <= this.#limit;
    this.#drawn = true;
  }

  /** Returns the rows on the screen and their positions. Empty if nothing is to move. @returns {[HTMLElement, number][]} */
  #seen() {
    if (document.hidden || matchMedia('(prefers-reduced-motion: reduce)').matches) return [];
    /** @type {[HTMLElement, number][]} */
    const seen = [];
    for (const item of byId('blocks', HTMLOListElement).children) {
      const { top, bottom } = item.getBoundingClientRect();
      if (top > innerHeight) break;
      if (bottom > 0) seen.push([/** @type {HTMLElement} */ (item), top]);
    }
    return seen;
  }
}

/**
 * Whether a row stands above another.
 * @param {Row} a
 * @param {Row} b
 */
function isAbove(a, b) {
  const order = b.place - a.place || rank(a) - rank(b) || seen(b) - seen(a);
  return order < 0;
}

/** @param {Row} row */
function rank({ arrival }) {
  return arrival ? RANKS[arrival.verdict] : REORG_RANK;
}

/** When it was seen here. @param {Row} row */
function seen({ arrival, reorg }) {
  return (arrival ?? reorg)?.seen_unix_ms ?? 0;
}

/** Has rows glide from where they were to where they are. @param {[HTMLElement, number][]} rows */
function glide(rows) {
  const moves = rows.map(([row, top]) => /** @type {const} */ ([row, top - row.getBoundingClientRect().top]));
  for (const [row, way] of moves) {
    if (way && row.isConnected && !row.hidden) row.animate([{ transform: `translateY(${way}px)` }, { transform: 'none' }], { duration: GLIDE_MS, easing: 'ease-out', composite: 'add' });
  }
}

/** @param {...HTMLElement} parts */
function row(...parts) {
  return make('span', { class: 'block-row' }, ...parts);
}

/** @param {number} blocks */
function gapItem(blocks) {
  const text = blocks === 1 ? '1 block in between' : `${count(blocks)} blocks in between`;
  return make('li', { class: 'gap', 'data-blocks': String(blocks) }, `${text}: headers checked, contents not downloaded`);
}

/** @param {Arrival} arrival */
function refusal({ hash, failures }) {
  return make('div', { class: 'block-whole' },
    make('p', { class: 'quiet' }, 'This block breaks the rules and is not part of the chain:'),
    failureList(failures),
    make('dl', { class: 'fields' }, make('dt', {}, 'hash'), make('dd', {}, hashText(hash, true))));
}

customElements.define('plexus-feed', PlexusFeed);
