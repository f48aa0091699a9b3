// @ts-check
/** Send: write, sign and send a message, and see the state of earlier ones. */

import { bytes, count, short } from '../format.js';
import { ageText, announce, blockLink, byId, make, messageLink } from './dom.js';
import { fileField, sealOf } from './file-hash.js';
import { withKey } from './key.js';

/** @typedef {import('../client.js').Letter} Letter */

/** The number of displayed messages. */
const SHOWN = 8;

class PlexusComposer extends HTMLElement {
  #recipientMax = 128;
  #textMax = 4096;
  /** @type {Map<string, Letter>} */
  #letters = new Map();
  #mining = false;
  #sending = false;
  /** The node's state as of the newest block. @type {import('../client.js').State | undefined} */
  #tip;
  /** Returns the total work of a block that this page has seen. @type {(block: string) => string | undefined} */
  #workOf = () => undefined;

  /** @param {import('../client.js').Client} client */
  connect(client) {
    const form = byId('send-form', HTMLFormElement);
    form.addEventListener('input', () => this.#measure());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send(client);
    });
    // Ctrl or Command with Enter sends, as people expect of a text field with a button.
    byId('text', HTMLTextAreaElement).addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    byId('seal', HTMLElement).append(fileField(client, 'Choose a file, or drop it here', (digest) => {
      const text = byId('text', HTMLTextAreaElement);
      text.value = [text.value.trim(), sealOf(digest)].filter(Boolean).join('\n');
      this.#measure();
      text.focus();
    }));
    client.addEventListener('state', (event) => {
      const { detail } = /** @type {CustomEvent<import('../client.js').State>} */ (event);
      [this.#recipientMax, this.#textMax] = [detail.recipient_bytes_max, detail.text_bytes_max];
      if (detail.tip === this.#tip?.tip) return;
      this.#tip = detail;
      this.#draw();
    });
    this.#workOf = (hash) => client.blocks.get(hash)?.block?.total_work;
    client.addEventListener('stamping', ({ detail }) => {
      const bar = byId('stamping', HTMLProgressElement);
      // From 1 on, the remaining time is random, so the bar shows no value.
      if (detail < 1) bar.value = detail;
      else bar.removeAttribute('value');
      bar.hidden = !this.#sending;
    });
    client.addEventListener('mining', (event) => {
      this.#mining = /** @type {CustomEvent<import('../client.js').Mining>} */ (event).detail.wanted;
      this.#hint();
    });
    client.addEventListener('sent', (event) => this.#show(/** @type {CustomEvent<Letter>} */ (event).detail));
    client.addEventListener('sent-gone', (event) => {
      this.#letters.delete(/** @type {CustomEvent<string>} */ (event).detail);
      this.#draw();
    });
    this.#measure();
  }

  /** @param {boolean} [anew] true to clear an earlier error */
  #measure(anew = true) {
    const text = bytes(byId('text', HTMLTextAreaElement).value);
    const recipient = bytes(byId('recipient', HTMLInputElement).value);
    const size = byId('text-size', HTMLElement);
    size.textContent = `${count(text)} of ${count(this.#textMax)} bytes`;
    size.classList.toggle('over', text > this.#textMax);
    const recipientSize = byId('recipient-size', HTMLElement);
    recipientSize.textContent = recipient ? `${count(recipient)} of ${count(this.#recipientMax)} bytes` : 'optional';
    recipientSize.classList.toggle('over', recipient > this.#recipientMax);
    byId('send', HTMLButtonElement).disabled = this.#sending || text === 0 || text > this.#textMax || recipient > this.#recipientMax;
    if (anew) byId('send-error', HTMLElement).hidden = true;
  }

  /** @param {import('../client.js').Client} client */
  async #send(client) {
    const [recipient, text] = [byId('recipient', HTMLInputElement), byId('text', HTMLTextAreaElement)];
    if (this.#sending) return;
    try {
      if (!(await withKey(client, 'Every message is signed, so that nobody else can write in your name.'))) return;
      this.#sending = true;
      this.#measure();
      const started = text.value;
      await client.submit(recipient.value, started, Number(byId('priority', HTMLSelectElement).value));
      // The user may have begun the next message while the stamp was searched.
      if (text.value === started) text.value = '';
      announce('Message signed and sent. It waits for a block.');
      text.focus();
    } catch (error) {
      const shown = byId('send-error', HTMLElement);
      shown.textContent = `Not sent: ${/** @type {Error} */ (error).message}.`;
      shown.hidden = false;
    } finally {
      this.#sending = false;
      byId('stamping', HTMLElement).hidden = true;
      this.#measure(false);
    }
  }

  /** @param {Letter} letter */
  #show(letter) {
    const before = this.#letters.get(letter.id)?.state;
    this.#letters.set(letter.id, letter);
    if (before === 'pending' && letter.state === 'in-block') {
      announce(`Your message is in block ${letter.number_of_block}.`);
    } else if (before === 'in-block' && letter.state === 'pending') {
      announce('The block with your message was undone. The message is waiting for a block again.');
    }
    this.#draw();
  }

  #draw() {
    const newest = [...this.#letters.values()].sort((a, b) => b.time_unix_ms - a.time_unix_ms);
    const items = newest.map((letter, index) => {
      const item = letterItem(letter, this.#above(letter));
      item.hidden = index >= SHOWN;
      return item;
    });
    byId('sent', HTMLElement).replaceChildren(...items);
    byId('sent-view', HTMLElement).hidden = items.length === 0;
    this.#hint();
  }

  /**
   * Returns the depth of a message's block below the tip: in blocks, and in work if this page knows it.
   * @param {Letter} letter
   */
  #above({ block, number_of_block }) {
    if (!this.#tip || !block || number_of_block === null) return '';
    const blocks = this.#tip.height - number_of_block;
    const work = this.#workOf(block);
    if (blocks <= 0) return ', the newest';
    const hashes = work ? `, ${short(Number(BigInt(this.#tip.total_work) - BigInt(work)))} hashes of work above it` : '';
    return `, ${count(blocks)} newer ${blocks === 1 ? 'block' : 'blocks'}${hashes}`;
  }

  #hint() {
    const waits = [...this.#letters.values()].some(({ state }) => state === 'pending');
    byId('sent-hint', HTMLElement).hidden = !waits || this.#mining;
  }
}

/** @param {Letter} letter @param {string} above */
function letterItem({ id, text, recipient, state, number_of_block, block, time_unix_ms }, above) {
  const to = recipient ? ['to ', make('bdi', {}, recipient), ' · '] : [];
  const where = state === 'in-block' && block
    ? blockLink(block, `in block ${count(number_of_block ?? 0)}`)
    : make('span', {}, state === 'dropped' ? 'dropped, raise its stamp' : state);
  where.classList.add('letter-state');
  return make('li', { 'data-id': id, 'data-state': state },
    make('p', { class: 'message-text', dir: 'auto' }, text),
    make('p', { class: 'quiet' }, ...to, ageText(time_unix_ms), ' · ', where, state === 'in-block' ? above : '', ' · ', messageLink(id, 'more')));
}

customElements.define('plexus-composer', PlexusComposer);
