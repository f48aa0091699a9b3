// @ts-check
/** A form that sends what is written into it, and says when it is in a block: the client alone, without the elements. */

import { Client } from './node_modules/plexus-light/client.js';

const form = /** @type {HTMLFormElement} */ (document.querySelector('form'));
const output = /** @type {HTMLOutputElement} */ (document.querySelector('output'));
const client = new Client({ node: form.dataset.node ?? '' });

client.addEventListener('sent', ({ detail: { text, state, number_of_block } }) => {
  output.textContent = state === 'in-block' ? `“${text}” is in block ${number_of_block}` : `“${text}”: ${state}`;
});
client.addEventListener('notice', ({ detail }) => (output.textContent = detail.text));

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await client.submit('', String(new FormData(form).get('text')));
    form.reset();
  } catch (error) {
    output.textContent = /** @type {Error} */ (error).message;
  }
});

// A key that lives as long as this tab.
await client.makeEphemeralKey();
/** @type {HTMLButtonElement} */ (form.querySelector('button')).disabled = false;
