// @ts-check
/**
 * The dialog in which keys are created, restored and unlocked, step by step. Its inputs and texts are erased
 * when a step ends.
 */

import { announce, byId, make } from './dom.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../client.js').Key} Key */
/** @typedef {Record<string, string> & { passphrase: string }} Fields The values of the step's inputs, by name. */
/** @typedef {'words' | 'confirm' | 'keep' | 'restore' | 'unlock' | 'show' | 'protect' | 'import' | 'export'} Step */
/**
 * @typedef {object} Asked The texts of a step.
 * @property {string} title
 * @property {string} next The label of its button.
 * @property {string} [why]
 * @property {string} [name] The key's.
 * @property {string} [public]
 * @property {string[]} [words]
 * @property {number[]} [places]
 * @property {boolean} [back] True if there is a Back button.
 */

/** The fewest characters of a passphrase. */
const PASSPHRASE_MIN = 10;
/** The most bytes of a key file. */
const FILE_BYTES_MAX = 2048;
const BACK = Symbol('back');

/**
 * Shows a step until the user continues and `done` accepts the input. If `done` throws, the error is shown,
 * and the user may try again.
 * @template Outcome
 * @param {Step} step
 * @param {Asked} asked
 * @param {(fields: Fields) => Promise<Outcome>} done
 * @returns {Promise<Outcome | typeof BACK | null>} null if the user cancelled
 */
export function ask(step, asked, done) {
  const dialog = byId('key-dialog', HTMLDialogElement);
  const [form, body] = [byId('key-form', HTMLFormElement), byId('key-step', HTMLElement)];
  const [error, next, back] = [byId('key-error', HTMLElement), byId('key-next', HTMLButtonElement), byId('key-back', HTMLButtonElement)];
  const title = byId('key-dialog-title', HTMLElement);
  title.textContent = asked.title;
  next.textContent = asked.next;
  back.hidden = !asked.back;
  error.hidden = true;
  dialog.dataset.step = step;
  body.replaceChildren(...STEPS[step](asked));
  byId('key-cancel', HTMLElement).hidden = step === 'show';
  if (!dialog.open) dialog.showModal();
  /** @type {HTMLElement} */ (body.querySelector('input, textarea') ?? title).focus();
  return new Promise((resolve) => {
    const ended = new AbortController();
    const { signal } = ended;
    /** @param {Outcome | typeof BACK | null} outcome */
    const end = (outcome) => {
      ended.abort();
      body.replaceChildren();
      dialog.close();
      resolve(outcome);
    };
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      error.hidden = next.disabled = true;
      try {
        end(await done(/** @type {Fields} */ (Object.fromEntries(new FormData(form)))));
      } catch (reason) {
        error.textContent = sentence(/** @type {Error} */ (reason).message);
        error.hidden = false;
        body.querySelector('input')?.select();
      } finally {
        next.disabled = false;
      }
    }, { signal });
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      end(null);
    }, { signal });
    back.addEventListener('click', () => end(BACK), { signal });
    byId('key-cancel', HTMLElement).addEventListener('click', () => end(null), { signal });
  });
}

/** The content of each step. @type {Record<Step, (asked: Asked) => (Node | string)[]>} */
const STEPS = {
  words: ({ why, words = [] }) => [
    ...(why ? [make('p', {}, `${why} Your key is created here and never leaves this browser.`)] : []),
    make('p', { class: 'hint' }, 'Write down these 24 words in this order. They are the key: anyone who has them can sign for you. Without them the key cannot be restored.'),
    wordList(words),
  ],
  confirm: ({ places = [] }) => [
    make('p', {}, 'To check that you wrote them down:'),
    ...places.flatMap((place) => field(`Word ${place}`, make('input', { type: 'text', class: 'asked', name: `word-${place}`, 'data-place': String(place), required: true, spellcheck: 'false', autocapitalize: 'none' }))),
  ],
  restore: () => field('The key’s 24 words', make('textarea', { id: 'key-restore-words', name: 'words', rows: '4', required: true, spellcheck: 'false', autocapitalize: 'none' })),
  import: () => [
    ...field('A key file that a node or a page exported', make('input', { type: 'file', id: 'key-file', name: 'file', accept: '.json,application/json', required: true })),
    ...field('Its passphrase', make('input', { type: 'password', id: 'key-passphrase', name: 'passphrase', required: true, autocomplete: 'off' })),
    ...field('Name, if not the one in the file', make('input', { type: 'text', id: 'key-name', name: 'name', maxlength: '64' })),
  ],
  export: () => [
    make('p', { class: 'hint' }, 'The file is encrypted with this passphrase. Anyone who has both has the key.'),
    ...passphraseFields(),
  ],
  keep: () => keepFields(true),
  protect: () => keepFields(false),
  unlock: ({ why, name = '', public: key }) => [
    ...(why ? [make('p', {}, why)] : []),
    ...(key ? [make('code', { class: 'boxed' }, key)] : []),
    // Next to the passphrase, so that a password manager knows the key that it belongs to.
    make('input', { type: 'text', autocomplete: 'username', value: name, hidden: true }),
    ...field('Passphrase', make('input', { type: 'password', id: 'key-passphrase', name: 'passphrase', required: true, autocomplete: 'current-password' })),
  ],
  show: ({ words = [] }) => [
    make('p', { class: 'hint' }, 'Anyone who has these words has the key. In this order they restore it on any device.'),
    wordList(words),
  ],
};

/** @param {string[]} words */
function wordList(words) {
  return make('ol', { class: 'words', id: 'key-words' }, ...words.map((word) => make('li', {}, word)));
}

/** @param {string} label @param {HTMLInputElement | HTMLTextAreaElement} input */
function field(label, input) {
  return [make('label', { class: 'field' }, make('span', {}, label), input)];
}

/** Two fields for a new passphrase. */
function passphraseFields() {
  const passphrase = make('input', { type: 'password', id: 'key-passphrase', name: 'passphrase', required: true, minlength: String(PASSPHRASE_MIN), maxlength: '1000', autocomplete: 'new-password' });
  const again = make('input', { type: 'password', id: 'key-again', name: 'again', required: true, autocomplete: 'new-password' });
  return [...field(`Passphrase, at least ${PASSPHRASE_MIN} characters`, passphrase), ...field('Repeat the passphrase', again)];
}

/** @param {boolean} mayBeTab */
function keepFields(mayBeTab) {
  const tab = make('input', { type: 'checkbox', id: 'key-tab', name: 'tab' });
  const secret = make('div', {},
    ...passphraseFields(),
    make('p', { class: 'quiet' }, 'The key is stored in this browser, encrypted with the passphrase. You have to enter it after each reload.'));
  tab.addEventListener('change', () => {
    secret.hidden = tab.checked;
    for (const input of secret.querySelectorAll('input')) input.disabled = tab.checked;
  });
  const choice = make('label', { class: 'check' }, tab, ' No passphrase: use the key in this tab only and do not store it. After the tab is closed, only the 24 words can restore it.');
  return [
    ...field('Name (only you see it)', make('input', { type: 'text', id: 'key-name', name: 'name', value: 'my key', required: true, maxlength: '64', autocomplete: 'username' })),
    secret,
    ...(mayBeTab ? [choice] : []),
  ];
}

/**
 * Asks for a name and a passphrase, and stores a key.
 * @param {'keep' | 'protect'} step
 * @param {string} title
 * @param {(name: string, passphrase: string | null) => Promise<string>} store
 * @param {boolean} [back]
 */
export async function keep(step, title, store, back = false) {
  return ask(step, { title, next: 'Save the key', back }, async ({ name, passphrase, again, tab }) => {
    if (!tab && passphrase !== again) throw new Error('the two passphrases differ');
    return store(name, tab ? null : passphrase);
  });
}

/**
 * Creates a key with the user. Returns true if there is one now.
 * @param {Client} client
 * @param {string} [why]
 */
export async function makeKey(client, why) {
  const draft = await client.createKey();
  /** @type {string[]} */
  let words = [];
  for (;;) {
    if ((await ask('words', { title: 'Create a key', why, words: draft.words, next: 'I wrote them down' }, async () => true)) !== true) return false;
    const confirmed = await ask('confirm', { title: 'Confirm three words', places: draft.places, next: 'Continue', back: true }, async (fields) => {
      words = draft.places.map((place) => fields[`word-${place}`].trim().toLowerCase());
      const wrong = draft.places.filter((place, at) => words[at] !== draft.words[place - 1]);
      if (wrong.length) throw new Error(`word ${wrong[0]} is wrong: check your notes`);
      return true;
    });
    if (confirmed === null) return false;
    if (confirmed === BACK) continue;
    return kept(await keep('keep', 'Save the key', (name, passphrase) => draft.confirm(words, name, passphrase)));
  }
}

/**
 * Restores a key with the user.
 * @param {Client} client
 */
export async function restoreKey(client) {
  const words = await ask('restore', { title: 'Restore a key', next: 'Continue' }, async ({ words }) => {
    // As the node reads them: a numbered list is fine.
    const count = words.split(/\s+/).filter((word) => /[^\d.):]/.test(word)).length;
    if (count !== 24) throw new Error(`a phrase has 24 words, this one has ${count}`);
    return words;
  });
  if (typeof words !== 'string') return false;
  return kept(await keep('keep', 'Save the key', (name, passphrase) => client.restore(words, name, passphrase)));
}

/**
 * Imports a key from a key file with the user.
 * @param {Client} client
 */
export async function importKey(client) {
  return kept(await ask('import', { title: 'Import a key file', next: 'Import the key' }, async ({ file, passphrase, name }) => {
    const chosen = /** @type {File} */ (/** @type {unknown} */ (file));
    // The node reads no more than that of a file, however long it is.
    return client.importKey(await chosen.slice(0, FILE_BYTES_MAX + 1).text(), passphrase, name);
  }));
}

/**
 * Returns the text of a key's file. A key that is not stored encrypted asks for a passphrase first.
 * @param {Client} client
 * @param {Key} key
 * @returns {Promise<string | null>} null if the user cancelled
 */
export async function exportKey(client, key) {
  if (key.state === 'locked' || key.state === 'unlocked') return client.exportKey(key.name);
  const text = await ask('export', { title: `Export ${key.name}`, next: 'Save the file' }, async ({ passphrase, again }) => {
    if (passphrase !== again) throw new Error('the two passphrases differ');
    return client.exportKey(key.name, passphrase);
  });
  return typeof text === 'string' ? text : null;
}

/**
 * Unlocks a key with the user. Returns true if it is unlocked now.
 * @param {Client} client
 * @param {Key} key
 * @param {string} [why]
 */
export async function unlockKey(client, key, why) {
  const asked = { title: `Unlock ${key.name}`, why, name: key.name, public: key.public ?? '', next: 'Unlock' };
  const unlocked = await ask('unlock', asked, ({ passphrase }) => client.unlock(key.name, passphrase));
  if (typeof unlocked === 'string') announce('Your key is unlocked.');
  return typeof unlocked === 'string';
}

/** @param {unknown} outcome */
function kept(outcome) {
  if (typeof outcome === 'string') announce('Your key is ready.');
  return typeof outcome === 'string';
}

/** @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
