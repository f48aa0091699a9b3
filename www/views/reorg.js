// @ts-check
/** A fork: a branch that was undone beside the one that holds, and what differs. */

import { abbreviated, count, short } from '../format.js';
import { ageText, blockLink, make, messageLink } from './dom.js';

/** @typedef {import('../client.js').Arrival} Arrival */
/** @typedef {import('../client.js').Block} Block */
/** @typedef {import('../client.js').Reorg} Reorg */

/** The most heights that are shown of a fork. */
const HEIGHTS_MAX = 12;
/** The most messages that are shown of a branch. */
const MESSAGES_MAX = 40;

/**
 * The fork of a block that was undone: with all of its reorganisation, if that was of more than what the list of blocks tells.
 * @param {Block} undone
 * @param {Arrival[]} arrivals all that is known of blocks
 * @param {Reorg[]} reorgs
 */
export function forkView(undone, arrivals, reorgs) {
  const [lost, holds] = branches(undone, arrivals);
  const { hash } = lost[lost.length - 1];
  const reorg = reorgs.find((reorg) => reorg.hash === hash);
  if (reorg) return reorgView(reorg, arrivals);
  const from = lost[0].number_of_block;
  const heights = Math.min(HEIGHTS_MAX, Math.max(lost.length, holds.length));
  const rows = Array.from({ length: heights }, (_, index) => heightRow(from + index, cell(lost[index]), cell(holds[index])));
  return view(inWords(lost, holds), rows, moved(lost, holds));
}

/**
 * Both branches of a reorganisation: right above the fork, and their tips.
 * @param {Reorg} reorg
 * @param {Arrival[]} arrivals all that is known of blocks
 */
export function reorgView(reorg, arrivals) {
  const { fork, is_exact, undone, holds, pairs } = reorg;
  const blocks = new Map(arrivals.flatMap(({ hash, block }) => (block ? [[hash, block]] : [])));
  const known = (/** @type {string | null} */ hash) => (hash === null ? cell() : cell(blocks.get(hash), hash));
  const rows = pairs.flatMap(({ height, undone, holds }, index) => {
    const between = height - (index ? pairs[index - 1].height : height) - 1;
    const gap = between > 0 ? [make('tr', {}, make('td', { class: 'quiet', colspan: '3' }, `${count(between)} ${between === 1 ? 'height' : 'heights'} in between`))] : [];
    return [...gap, heightRow(height, known(undone), known(holds))];
  });
  const parted = is_exact ? `They fork above block ${count(fork)}.` : `They fork somewhere above block ${count(fork)}: this page does not have the blocks there.`;
  const work = (/** @type {import('../client.js').Tip} */ tip) => `${short(Number(tip.total_work))} hashes at block ${count(tip.number_of_block)}`;
  const words = `${parted} The one with most work holds: ${work(holds)}, against ${work(undone)}.`;
  /** @type {Block[]} */
  const lost = [];
  for (let block = blocks.get(undone.hash); block && block.number_of_block > fork; block = blocks.get(block.prev_hash)) lost.unshift(block);
  const now = arrivals.flatMap(({ block, verdict }) => (block && verdict === 'valid' && block.number_of_block > fork ? [block] : []));
  return view(words, rows, moved(lost, now));
}

/** How a reorganisation is told in one line. @param {Reorg} reorg */
export function reorgLine({ is_exact, blocks, undone, holds }) {
  const least = is_exact ? '' : 'At least ';
  return `${least}${count(blocks)} ${blocks === 1 ? 'block' : 'blocks'} undone, up to block ${count(undone.number_of_block)}. Another chain, up to block ${count(holds.number_of_block)}, has more work.`;
}

/** @param {string} words @param {Node[]} rows @param {Node[]} more */
function view(words, rows, more) {
  const table = make('table', { class: 'fork' },
    make('thead', {}, make('tr', {}, make('td'), make('th', { scope: 'col' }, 'Undone'), make('th', { scope: 'col' }, 'Holds'))),
    make('tbody', {}, ...rows));
  return make('div', { class: 'fork-view' }, make('h3', {}, 'Two branches'), make('p', { class: 'quiet' }, words), table, ...more);
}

/** @param {number} height @param {Node[]} cells */
function heightRow(height, ...cells) {
  return make('tr', {}, make('th', { scope: 'row' }, count(height)), ...cells);
}

/**
 * Returns both branches, from the first block that only one of them has, as far as they are known.
 * @param {Block} undone
 * @param {Arrival[]} arrivals
 * @returns {[Block[], Block[]]}
 */
function branches(undone, arrivals) {
  const blocks = (/** @type {Arrival['verdict']} */ verdict) => arrivals.flatMap(({ block, verdict: found }) => (block && found === verdict ? [block] : []));
  const gone = blocks('undone');
  const lost = [undone];
  for (;;) {
    const below = gone.find(({ hash }) => hash === lost[0].prev_hash);
    if (!below) break;
    lost.unshift(below);
  }
  for (;;) {
    const above = gone.find(({ prev_hash }) => prev_hash === lost[lost.length - 1].hash);
    if (!above) break;
    lost.push(above);
  }
  const from = lost[0].number_of_block;
  const holds = blocks('valid').filter(({ number_of_block }) => number_of_block >= from).sort((a, b) => a.number_of_block - b.number_of_block);
  // Where there is a gap, nothing is known of what is above.
  return [lost, holds.filter(({ number_of_block }, index) => number_of_block === from + index)];
}

/** Returns the cell of a block of a branch. Of a block that is not here it has the hash alone. @param {Block} [block] @param {string} [hash] */
function cell(block, hash = block?.hash) {
  if (!hash) return make('td', { class: 'quiet' }, '–');
  const link = blockLink(hash, abbreviated(hash.replace(/^0+/, '')));
  if (!block) return make('td', {}, link);
  const messages = block.messages.length ? [` · ${count(block.messages.length)} ✉`] : [];
  return make('td', {}, link, make('br'),
    make('span', { class: 'quiet' }, abbreviated(block.author), ' · ', ageText(block.time_unix_ms), ...messages));
}

/** @param {Block[]} lost @param {Block[]} holds */
function inWords(lost, holds) {
  const parted = `They fork above block ${count(lost[0].number_of_block - 1)}.`;
  const [a, b] = [lost[lost.length - 1], holds[holds.length - 1]];
  if (!b) return `${parted} This page no longer knows the other branch.`;
  const work = (/** @type {Block} */ block) => `${short(Number(block.total_work))} hashes at block ${count(block.number_of_block)}`;
  return `${parted} The one with most work holds: ${work(b)}, against ${work(a)}.`;
}

/** What became of the messages of the branch that was undone. @param {Block[]} lost @param {Block[]} holds @returns {Node[]} */
function moved(lost, holds) {
  const places = new Map(holds.flatMap(({ messages, number_of_block }) => messages.map(({ id }) => [id, number_of_block])));
  const messages = lost.flatMap((block) => block.messages);
  if (messages.length === 0) return [];
  const item = (/** @type {Block['messages'][number]} */ { id, text }) => {
    const place = places.get(id);
    return make('li', {}, make('bdi', { class: 'message-text' }, text.slice(0, 80)), ' ', messageLink(id, 'more'), ' ',
      make('span', { class: 'quiet' }, place === undefined ? 'is not in any of these blocks now' : `is in block ${count(place)} now`));
  };
  const left = messages.length - MESSAGES_MAX;
  const more = left > 0 ? [make('p', { class: 'quiet' }, `${count(left)} more`)] : [];
  return [make('h3', {}, 'Messages of the undone branch'), make('ul', { class: 'moved' }, ...messages.slice(0, MESSAGES_MAX).map(item)), ...more];
}
