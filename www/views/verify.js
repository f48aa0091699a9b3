// @ts-check
/** Verify: a proof file is checked in this page, with no connection at all, and what it shows is said in words. */

import { count, short } from '../format.js';
import { announce, make } from './dom.js';
import { pickField, sealsIn } from './file-hash.js';
import { sealCheck } from './message.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Verdict} Verdict */

class PlexusVerify extends HTMLElement {
  /** @param {Client} client */
  connect(client) {
    const place = this.querySelector('#verify-place');
    const said = make('div', { id: 'verify-said', role: 'status' });
    const field = pickField('Choose a proof file, or drop it here', async (file) => {
      said.replaceChildren(make('p', { class: 'quiet' }, 'Verifying…'));
      try {
        const verdict = await client.verify(file);
        said.dataset.valid = String(verdict.verdict === 'valid');
        said.replaceChildren(...shown(client, verdict));
        announce(verdict.verdict === 'valid' ? 'The proof is valid.' : `${verdict.title}. ${verdict.reason}`);
      } catch (error) {
        said.dataset.valid = 'false';
        said.replaceChildren(make('p', { class: 'error' }, `${file.name} is not a valid proof: ${/** @type {Error} */ (error).message}.`));
      }
    });
    place?.replaceChildren(field, said);
  }
}

/** @param {Client} client @param {Verdict} verdict */
function shown(client, {
  verdict, title, reason, message, number_of_block, block, time_unix_ms, parent_time_unix_ms, clock_unix_ms, author, work,
  work_time, blocks, height, total_work, young, solitary, network, network_id, built_in,
}) {
  const code = (/** @type {string} */ text) => make('code', {}, text);
  const time = (/** @type {number} */ unix_ms) => {
    const text = new Date(unix_ms).toISOString();
    return make('time', { datetime: text }, text);
  };
  const facts = [
    ['What', [make('p', { class: 'message-text', dir: 'auto' }, message.text)]],
    ['Signed by', [code(message.sender)]],
    ['Mined between', [time(parent_time_unix_ms), ', the time of the block below, and ', time(clock_unix_ms), ', this clock']],
    ['Its miner says', [time(time_unix_ms)]],
    ['In block', [`${count(number_of_block)}, `, code(block)]],
    ['Mined by', [code(author), author === message.sender ? ', the sender' : '']],
    ['Protected by', [
      `${short(Number(work))} hashes of work, ${work_time} of one graphics processor, in `,
      `${count(blocks)} ${blocks === 1 ? 'block, its own' : 'blocks, this block and those above'}`,
    ]],
    ['Whole chain', [`${short(Number(total_work))} hashes in ${count(height)} blocks${young ? ', young chain: its work counts for less' : ''}`]],
    ['Network', [`${network}${built_in ? '' : ', by its own name'}, `, code(network_id)]],
  ];
  const list = make('dl', { class: 'fields' });
  for (const [name, value] of /** @type {[string, (Node | string)[]][]} */ (facts)) list.append(make('dt', {}, name), make('dd', {}, ...value));
  const assumed = [
    built_in ? null : 'the network is the one that you mean: anybody can start one, under any name, and do all its work alone. Compare its id;',
    'no other chain of this network has more work;',
    'nobody works against the honest miners with much of their power: at a third of it, about one attempt in 2^41 to forge a chain gets past this check, at half of it one in 2^18.',
  ];
  const conditions = make('ul', { class: 'conditions' }, ...assumed.flatMap((text) => (text ? [make('li', {}, text)] : [])));
  const notes = [
    reason,
    solitary ? 'Its blocks took on average under four times the least work, so nobody but its maker need have mined this chain.' : null,
  ];
  return [
    make('p', { class: 'verdict', 'data-verdict': verdict }, title),
    ...notes.flatMap((text) => (text ? [make('p', {}, text)] : [])),
    list,
    ...sealCheck(client, message.text),
    make('p', { class: 'quiet' }, 'This is true if'),
    conditions,
  ];
}

customElements.define('plexus-verify', PlexusVerify);
