// @ts-check
/** The messages and blocks of a key, down to the block where the search stopped. */

import { count } from '../format.js';
import { ageText, blockLink, make, messageLink } from './dom.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Traces} Traces */

/** The most blocks of a key that are listed one by one. */
const NAMED_MAX = 24;

/**
 * Returns a link to the view of a key.
 * @param {string} key
 * @param {string} [text]
 */
export function keyLink(key, text) {
  return make('a', { href: `#/key/${key}` }, make('code', { title: text ? key : null }, text ?? key));
}

/**
 * @param {Client} client
 * @param {string} key
 * @returns {Promise<HTMLElement>}
 */
export async function keyActivity(client, key) {
  const first = await client.traces(key);
  const messages = make('ul', { class: 'letters', id: 'key-messages' });
  const blocks = make('p', { id: 'key-blocks' });
  const said = make('p', { class: 'quiet', id: 'key-said', role: 'status' });
  const more = make('button', { type: 'button', class: 'more', id: 'key-more' }, 'Search older blocks');
  let authored = 0;
  let from = first.from;
  /** @param {Traces} traces */
  const add = (traces) => {
    from = traces.from;
    messages.append(...traces.messages.map((message) => messageItem(message, key)));
    const names = traces.blocks.slice(0, Math.max(0, NAMED_MAX - authored)).flatMap(({ block, number_of_block }) => [' ', blockLink(block, count(number_of_block))]);
    if (authored === 0 && names.length) blocks.append('Mined with this key:');
    blocks.append(...names);
    authored += traces.blocks.length;
    said.textContent = `${plural(messages.children.length, 'message')} and ${plural(authored, 'block')} by or to this key, in blocks ${count(from)} to ${count(first.to)}.`;
    more.hidden = from <= 1;
  };
  add(first);
  more.addEventListener('click', async () => {
    more.disabled = true;
    try {
      add(await client.traces(key, from - 1));
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
    more.disabled = false;
  });
  return make('div', { class: 'block-whole' }, make('code', { class: 'boxed' }, key), said, blocks, messages, more);
}

/** @param {Traces['messages'][number]} message @param {string} key */
function messageItem({ id, sender, recipient, text, time_unix_ms, block, number_of_block }, key) {
  const from = sender === key ? [] : ['from ', keyLink(sender, `${sender.slice(0, 6)}…`), ' '];
  const to = recipient && recipient !== key ? ['to ', make('bdi', {}, recipient), ' '] : [];
  const where = block ? ['· ', blockLink(block, `in block ${count(number_of_block ?? 0)}`), ' '] : [];
  return make('li', { 'data-id': id },
    make('p', { class: 'message-text', dir: 'auto' }, text),
    make('p', { class: 'quiet' }, ...from, ...to, ageText(time_unix_ms), ' ', ...where, '· ', messageLink(id, 'more')));
}

/** @param {number} number @param {string} noun */
function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
