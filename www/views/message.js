// @ts-check
/** A message in full: its fields under their names, where it is, and whether a file is the one that it seals. */

import { count, short } from '../format.js';
import { blockLink, make, messageLink, saveFile } from './dom.js';
import { fileField, sealsIn } from './file-hash.js';
import { keyLink } from './key-activity.js';

/** @typedef {import('../client.js').Placed} Placed */

/** The fields of a message in the order in which they are shown, with what they mean. */
const FIELDS = /** @type {const} */ ([
  ['id', 'the hash of all that is signed'],
  ['sender', 'the key that signed it'],
  ['recipient', 'to whom it is written'],
  ['timeStamp', 'when it was written, by its sender’s clock'],
  ['stamp', 'ground for priority'],
  ['signature', 'the sender’s, of the id'],
]);

/** @param {import('../client.js').Client} client @param {Placed} message */
export function messageFields(client, message) {
  const list = make('dl', { class: 'fields' });
  for (const [name, meaning] of FIELDS) {
    if (message[name] === '') continue;
    const value = name === 'id' ? messageLink(message.id) : isKey(message[name]) ? keyLink(message[name]) : make('code', {}, message[name]);
    list.append(make('dt', { title: meaning }, name), make('dd', {}, value));
  }
  list.append(make('dt', {}, 'place'), make('dd', { 'data-pending': message.pending }, ...place(message)));
  const whole = make('div', { class: 'block-whole' }, make('p', { class: 'message-text', dir: 'auto' }, message.text), list);
  whole.append(...sealCheck(client, message.text));
  if (message.block) whole.append(saveProof(client, message.id));
  return whole;
}

/** Whether a text is a public key, as a recipient may be. @param {string} text */
function isKey(text) {
  return /^0[23][0-9a-f]{64}$/.test(text);
}

/** @param {Placed} message @returns {(Node | string)[]} */
function place({ pending, block, number_of_block, work_above }) {
  if (pending || !block) return ['waits for a block'];
  return ['in ', blockLink(block, `block ${count(number_of_block ?? 0)}`), `, under ${short(Number(work_above))} hashes of work`];
}

/**
 * Returns the elements that compare a file with the files that a text seals. Empty if the text
 * has no seal.
 * @param {import('../client.js').Client} client
 * @param {string} text
 */
export function sealCheck(client, text) {
  const seals = sealsIn(text);
  if (seals.length === 0) return [];
  const several = seals.length > 1;
  const verdict = make('p', { class: 'quiet', role: 'status' });
  const field = fileField(client, `Is this ${several ? 'one of them' : 'the file'}? Choose it, or drop it here`, (digest, name) => {
    const place = seals.indexOf(digest);
    verdict.dataset.same = String(place >= 0);
    const sealed = several ? `file ${count(place + 1)} of the ${count(seals.length)}` : 'the file';
    verdict.textContent = place >= 0
      ? `Yes: ${name} is ${sealed} that this message seals.`
      : `No: ${name} is another file, or it was changed. Its SHA-256 is ${digest}.`;
  });
  const title = `This message seals ${several ? `${count(seals.length)} files` : 'a file'}`;
  return [make('div', { class: 'seal' }, make('h3', {}, title), field, verdict)];
}

/**
 * A button that saves the message's proof file.
 * @param {import('../client.js').Client} client
 * @param {string} id
 */
function saveProof(client, id) {
  const said = make('p', { class: 'quiet', role: 'status' }, 'A file that proves to anyone, offline, that this message is in the ledger.');
  const button = make('button', { type: 'button', class: 'save-proof' }, 'Save the proof');
  button.addEventListener('click', async () => {
    try {
      const name = `${id.slice(0, 16)}.plexus`;
      saveFile(await client.proof(id), name);
      said.textContent = `Saved as ${name}. “Verify a proof”, here or on any page like this, says what it shows.`;
    } catch (error) {
      said.textContent = /** @type {Error} */ (error).message;
    }
  });
  return make('div', { class: 'row' }, button, said);
}
