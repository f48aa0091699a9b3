// @ts-check
/** A fork: a branch that was undone beside the one that holds, and what differs. */

import { abbreviated, count, short } from '../format.js';
import { ageText, blockLink, make, messageLink } from './make.js';

/** @typedef {import('../client.js').Arrival} Arrival */
/** @typedef {import('../client.js').Block} Block */

/** The most heights that are shown of a fork. */
const HEIGHTS_MAX = 12;

/**
 * @param {Block} undone
 * @param {Arrival[]} arrivals all that is known of blocks
 */
export function forkView(undone, arrivals) {
  const [lost, holds] = branches(undone, arrivals);
  const from = lost[0].number_of_block;
  const heights = Math.min(HEIGHTS_MAX, Math.max(lost.length, holds.length));
  const rows = Array.from({ length: heights }, (_, index) => make('tr', {},
    make('th', { scope: 'row' }, count(from + index)), cell(lost[index]), cell(holds[index])));
  const table = make('table', { class: 'fork' },
    make('thead', {}, make('tr', {}, make('td'), make('th', { scope: 'col' }, 'Undone'), make('th', { scope: 'col' }, 'Holds'))),
    make('tbody', {}, ...rows));
  return make('div', { class: 'fork-view' }, make('h3', {}, 'Two branches'), make('p', { class: 'quiet' }, inWords(lost, holds)), table, ...moved(lost, holds));
}

/**
 * Both branches, from the first block that only one of them has; as far as they are known.
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

/** @param {Block} [block] */
function cell(block) {
  if (!block) return make('td', { class: 'quiet' }, '–');
  const messages = block.messages.length ? [` · ${count(block.messages.length)} ✉`] : [];
  return make('td', {}, blockLink(block.hash, abbreviated(block.hash.replace(/^0+/, ''))), make('br'),
    make('span', { class: 'quiet' }, abbreviated(block.author), ' · ', ageText(block.time_unix_ms), ...messages));
}

/** @param {Block[]} lost @param {Block[]} holds */
function inWords(lost, holds) {
  const parted = `They part above block ${count(lost[0].number_of_block - 1)}.`;
  const [a, b] = [lost[lost.length - 1], holds[holds.length - 1]];
  if (!b) return `${parted} Of the other branch nothing is known here any more.`;
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
      make('span', { class: 'quiet' }, place === undefined ? 'is in none of these blocks now' : `is in block ${count(place)} now`));
  };
  return [make('h3', {}, 'Messages of the undone branch'), make('ul', { class: 'moved' }, ...messages.map(item))];
}
