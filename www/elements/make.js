// @ts-check
/** Makes elements; text is only ever text. */

import { age } from '../format.js';

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | boolean | null | undefined>} [attributes] true: present without a value; false, null: absent
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(attribute, '');
    else if (typeof value === 'string') element.setAttribute(attribute, value);
  }
  element.append(...children);
  return element;
}

/**
 * A hash whose leading zeros, the work in it, step back. Cut in the middle unless it is to be shown whole.
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
 * A link to a block's place on this page.
 * @param {string} hash
 * @param {string} [text]
 */
export function blockLink(hash, text) {
  return make('a', { href: `#/block/${hash}` }, text ?? hashText(hash, true));
}

/**
 * A link to a message's place on this page.
 * @param {string} id
 * @param {string} [text]
 */
export function messageLink(id, text) {
  return make('a', { href: `#/message/${id}` }, text ?? make('code', {}, id));
}

/**
 * A time as an age that goes on; `keepAges` moves it.
 * @param {number} unix_ms
 */
export function ageText(unix_ms) {
  const at = new Date(unix_ms);
  const iso = Number.isNaN(at.getTime()) ? '' : at.toISOString();
  return make('time', { datetime: iso, title: iso, 'data-ms': String(unix_ms) }, age(unix_ms));
}

/** Moves all ages on, once a second. */
export function keepAges() {
  setInterval(() => {
    for (const time of document.querySelectorAll('time[data-ms]')) {
      const text = age(Number(time.getAttribute('data-ms')));
      if (time.textContent !== text) time.textContent = text;
    }
  }, 1000);
}

/**
 * An element of the page that must be there.
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

/** Says something to those who listen to the page. @param {string} text */
export function announce(text) {
  const live = document.getElementById('announcer');
  if (live) live.textContent = text;
}
