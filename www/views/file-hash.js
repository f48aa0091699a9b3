// @ts-check
/** Seals: a file's SHA-256 in a message. The file is read in this page and sent nowhere. */

import { announce, make } from './dom.js';

/** What a message says of the file that it seals. @param {string} digest */
export function sealOf(digest) {
  return `sha256:${digest}`;
}

/** The digests of all files that a message seals, each once, in their order. @param {string} text */
export function sealsIn(text) {
  return [...new Set(Array.from(text.matchAll(/\bsha256:([0-9a-f]{64})\b/g), ([, digest]) => digest))];
}

/**
 * A field to choose a file in, or to drop one on, whose digest is computed.
 * @param {import('../client.js').Client} client
 * @param {string} label
 * @param {(digest: string, name: string) => void} done told the file's SHA-256 and its name
 */
export function fileField(client, label, done) {
  const progress = make('progress', { max: '1', value: '0', 'aria-label': 'File read' });
  const error = make('p', { class: 'error', role: 'alert' });
  progress.hidden = error.hidden = true;
  let newest = 0;
  const field = pickField(label, async (file) => {
    const number = ++newest;
    [error.hidden, progress.hidden, progress.value] = [true, false, 0];
    try {
      const digest = await client.digest(file, (read) => number === newest && (progress.value = read));
      if (number !== newest) return;
      announce(`${file.name} is read.`);
      done(digest, file.name);
    } catch (reason) {
      if (number !== newest) return;
      error.textContent = `${file.name} cannot be read: ${/** @type {Error} */ (reason).message}`;
      error.hidden = false;
    } finally {
      if (number === newest) progress.hidden = true;
    }
  });
  field.append(progress, error);
  return field;
}

/**
 * A field to choose a file in, or to drop one on.
 * @param {string} label
 * @param {(file: File) => void} take
 */
export function pickField(label, take) {
  const input = make('input', { type: 'file' });
  const field = make('div', { class: 'file' }, make('label', {}, `${label} `, input));
  const taken = (/** @type {File | undefined} */ file) => file && take(file);
  input.addEventListener('change', () => taken(input.files?.[0]));
  field.addEventListener('dragover', (event) => {
    event.preventDefault();
    field.classList.add('over-file');
  });
  field.addEventListener('dragleave', () => field.classList.remove('over-file'));
  field.addEventListener('drop', (event) => {
    event.preventDefault();
    field.classList.remove('over-file');
    taken(event.dataTransfer?.files[0]);
  });
  return field;
}
