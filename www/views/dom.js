// @ts-check
/** Creates elements, for this page and for pages that embed some. Text is never parsed as HTML. */

import { age } from '../format.js';

/**
 * Attributes. True: present without a value. False and null: absent. A number: in tenths.
 * @typedef {Record<string, string | number | boolean | null | undefined>} Attributes
 */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * Sets an element's attributes and appends its children.
 * @template {Element} Kind
 * @param {Kind} element
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
export function fill(element, attributes, children) {
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(attribute, '');
    else if (typeof value === 'string') element.setAttribute(attribute, value);
    else if (typeof value === 'number') element.setAttribute(attribute, String(Math.round(value * 10) / 10));
  }
  element.append(...children);
  return element;
}

/**
 * Returns a hash with dimmed leading zeros, which are its work. It is shortened in the middle unless `whole` is set.
 * @param {string} hex
 * @param {boolean} [whole]
 */
export function hashText(hex, whole = false) {
  const zeros = /^0*/.exec(hex)?.[0].length ?? 0;
  const shown = whole ? hex.slice(zeros) : `${hex.slice(zeros, zeros + 6)}…${hex.slice(-4)}`;
  const element = make('code', { class: 'hash', title: whole ? null : hex });
  if (zeros) element.append(make('span', { class: 'zeros' }, '0'.repeat(whole ? zeros : Math.min(zeros, 8))));
  element.append(shown);
  return element;
}

/**
 * Returns a link to a block's view on this page.
 * @param {string} hash
 * @param {string} [text]
 */
export function blockLink(hash, text) {
  return make('a', { href: `#/block/${hash}` }, text ?? hashText(hash, true));
}

/**
 * Returns a link to a message's view on this page.
 * @param {string} id
 * @param {string} [text]
 */
export function messageLink(id, text) {
  return make('a', { href: `#/message/${id}` }, text ?? make('code', {}, id));
}

/**
 * Returns a time as an age. `moveAges` keeps it current.
 * @param {number} unix_ms
 */
export function ageText(unix_ms) {
  const at = new Date(unix_ms);
  const iso = Number.isNaN(at.getTime()) ? '' : at.toISOString();
  return make('time', { datetime: iso, title: iso, 'data-ms': String(unix_ms) }, age(unix_ms));
}

/** Updates all ages. Once a second is enough. @param {ParentNode} root */
export function moveAges(root) {
  for (const time of root.querySelectorAll('time[data-ms]')) {
    const text = age(Number(time.getAttribute('data-ms')));
    if (time.textContent !== text) time.textContent = text;
  }
}

/**
 * Returns an element of the page that must exist.
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}

/**
 * Saves a file as a download.
 * @param {Blob} blob
 * @param {string} name
 */
export function saveFile(blob, name) {
  const link = make('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Announces a text to screen readers. @param {string} text */
export function announce(text) {
  const live = document.getElementById('announcer');
  if (live) live.textContent = text;
}
