// @ts-check
/** A block in full: its fields under their names, its messages, and every rule that it breaks. */

import { abbreviated, count } from '../format.js';
import { ageText, blockLink, hashText, make, messageLink } from './dom.js';
import { keyLink } from './key-activity.js';

/** @typedef {import('../client.js').Block} Block */
/** @typedef {import('../client.js').Message} Message */

/** The fields of a block, in the displayed order, with their meanings. */
const FIELDS = /** @type {const} */ ([
  ['hash', 'SHA-256 of the 96-byte header'],
  ['prev_hash', 'hash of the previous block'],
  ['number_of_block', 'height of the block'],
  ['timeStamp', 'when it was mined, by its miner’s clock'],
  ['author', 'the miner’s key'],
  ['proof_of_work', 'expected number of hashes for its target'],
  ['total_work', 'expected number of hashes of this block and all below'],
  ['bits', 'target in compact form'],
  ['nonce', 'the number that the miner searched for'],
  ['extra', 'a number that the miner chooses freely'],
  ['version', 'the header’s layout'],
  ['content_root', 'commits to all blocks below and to the contents'],
  ['signature', 'the author’s, over the contents'],
]);

/**
 * @param {Block} block
 * @param {number} [total] the number of its messages, if `block` does not have all of them
 */
export function blockFields(block, total = block.messages.length) {
  const list = make('dl', { class: 'fields' });
  for (const [name, meaning] of FIELDS) {
    // The page does not know the work below the blocks that it holds.
    const unknown = name === 'total_work' && block.total_work === '0' && block.number_of_block > 0;
    if (!unknown) list.append(make('dt', { title: meaning }, name), make('dd', {}, fieldValue(block, name)));
  }
  const whole = make('div', { class: 'block-whole' }, list);
  if (total > 0) {
    whole.append(make('h3', {}, total === 1 ? '1 message' : `${count(total)} messages`), messageList(block.messages));
  }
  const left = total - block.messages.length;
  if (left > 0) whole.append(make('p', { class: 'quiet' }, `${count(left)} more: `, blockLink(block.hash, 'show all')));
  return whole;
}

/** @param {Block} block @param {keyof Block & string} name */
function fieldValue(block, name) {
  const value = block[name];
  if (name === 'hash') return blockLink(block.hash);
  if (name === 'prev_hash' && block.number_of_block > 0) return blockLink(block.prev_hash);
  if (name === 'author' && block.number_of_block > 0) return keyLink(block.author);
  if (name === 'number_of_block') return count(block.number_of_block);
  return make('code', {}, String(value));
}

/** @param {Message[]} messages */
function messageList(messages) {
  const list = make('ul', { class: 'messages' });
  for (const message of messages) list.append(make('li', { 'data-id': message.id }, ...messageText(message)));
  return list;
}

/** @param {Message} message @returns {HTMLElement[]} */
function messageText(message) {
  const to = message.recipient ? [' to ', make('bdi', {}, message.recipient)] : [];
  const from = keyLink(message.sender, abbreviated(message.sender));
  return [
    make('p', { class: 'message-text', dir: 'auto' }, message.text),
    make('p', { class: 'quiet' }, from, ...to, ' · ', ageText(message.time_unix_ms), ' · ', messageLink(message.id, 'more')),
  ];
}

/** @param {{ flag: string, reason: string }[]} failures */
export function failureList(failures) {
  const list = make('ul', { class: 'failures' });
  for (const { flag, reason } of failures) {
    list.append(make('li', { 'data-flag': flag }, make('strong', {}, flag), ' ', make('span', {}, reason)));
  }
  return list;
}
