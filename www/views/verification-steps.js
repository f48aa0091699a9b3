// @ts-check
/** The verification of a block: each rule, the expected value and the found value. */

import { make } from './dom.js';

/** @typedef {import('../client.js').Trace} Trace */
/** @typedef {import('../client.js').Step} Step */

const WORDS = { kept: 'Passed', broken: 'Failed', open: 'Cannot be checked here' };
const PLACES = {
  chain: 'This block is on the chain that this page checked.',
  fork: 'This block is on a known branch with less work than the chain.',
  below: 'This block is older than the headers that this page stores. Only the node says that it is on the chain.',
  unknown: 'This page does not know this block. Only the node says that it is on a chain.',
};

/** @param {Trace} trace */
export function verificationSteps({ place, steps }) {
  const number = (/** @type {Step['finding']} */ wanted) => steps.filter(({ finding }) => finding === wanted).length;
  const [kept, broken, open] = [number('kept'), number('broken'), number('open')];
  const sum = [`${kept} of ${steps.length} rules passed`, broken && `${broken} failed`, open && `${open} cannot be checked here`];
  const list = make('ol', { class: 'trace' }, ...steps.map(stepItem));
  const title = make('summary', {}, 'Verified by this page: ', make('span', { class: broken ? 'error' : '' }, sum.filter(Boolean).join(', ')));
  return make('details', { class: 'trace-view', 'data-place': place, open: '' }, title, make('p', { class: 'quiet' }, PLACES[place]), list);
}

/** @param {Step} step */
function stepItem({ rule, expected, found, finding }) {
  const said = expected === found ? [make('code', {}, found)] : [make('code', {}, found), make('span', {}, ' expected '), make('code', {}, expected)];
  const word = make('span', { class: 'unseen' }, `${WORDS[finding]}: `);
  return make('li', { 'data-finding': finding, title: WORDS[finding] }, word, make('strong', {}, rule), make('p', {}, ...said));
}
