// @ts-check
/** The results: a row and a curve for each run, so that runs can be compared. */

import { count, short } from '../format.js';
import { byId, make } from '../views/dom.js';

/** @typedef {import('./main.js').Report} Report */

const SVG = 'http://www.w3.org/2000/svg';
/** The most runs that are shown. When full, the oldest is removed. */
const RUNS_MAX = 8;
/** The drawing's size, and the position of its curves. */
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [640, 260, 44, 28, 10, 150];

/** The runs, newest last. @type {Report[]} */
const runs = [];

/** @param {Report} report */
export function addRun(report) {
  runs.push(report);
  if (runs.length > RUNS_MAX) runs.shift();
  byId('results', HTMLElement).hidden = false;
  byId('runs', HTMLElement).replaceChildren(...runs.map(row));
  drawCurves();
}

/** @param {Report} report */
function nameOf({ topology, nodes, honest, seed }) {
  const byzantine = honest < nodes ? `, ${count(nodes - honest)} Byzantine` : '';
  return `${topology}, ${count(nodes)} nodes${byzantine}, seed ${seed}`;
}

/** @param {Report} report @param {number} index */
function row(report, index) {
  const { t50_ms, t90_ms, t99_ms, body_t90_ms, stale_rate, header_copies, body_copies, bytes_per_node, trace_hash } = report;
  // A computed bound is not simulated, so it sends nothing.
  const driven = bytes_per_node > 0;
  const cells = [
    ms(t50_ms), ms(t90_ms), ms(t99_ms), ms(body_t90_ms), `${(100 * stale_rate).toFixed(1)} %`,
    driven ? header_copies.toFixed(2) : '–', driven ? body_copies.toFixed(2) : '–', driven ? `${short(bytes_per_node)}B`.replace(/(\d)B/, '$1 B') : '–',
  ];
  return make('tr', { 'data-trace': trace_hash, 'data-run': String(index) },
    make('th', { scope: 'row' }, make('span', { class: `swatch run-${index}`, 'aria-hidden': 'true' }), nameOf(report)),
    ...cells.map((text) => make('td', {}, text)),
    make('td', {}, make('code', { title: trace_hash }, trace_hash.slice(0, 8))));
}

/** @param {number | null} value */
function ms(value) {
  return value === null ? 'never' : `${value < 99.95 ? value.toFixed(1) : count(Math.round(value))} ms`;
}

function drawCurves() {
  const times = runs.flatMap(({ curves }) => curves.header_ms.filter((time) => time !== null));
  const most = roundUp(Math.max(1, ...times));
  const x = (/** @type {number} */ time) => LEFT + time / most * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ share) => HEIGHT - BOTTOM - share / 100 * (HEIGHT - BOTTOM - TOP);
  const grid = [0, 50, 90, 100].flatMap((share) => [
    shape('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
    shape('text', { class: 'scale end', x: LEFT - 6, y: y(share) + 4 }, `${share} %`),
  ]);
  const scale = [0, 0.25, 0.5, 0.75, 1].map((part) => shape('text', { class: 'scale middle', x: x(part * most), y: HEIGHT - 8 }, `${count(part * most)}${part === 1 ? ' ms' : ''}`));
  const curves = runs.map(({ curves }, index) => {
    const points = curves.header_ms.flatMap((time, share) => (time === null ? [] : [`${x(time).toFixed(1)} ${y(share + 1).toFixed(1)}`]));
    return shape('path', { class: `run-${index}`, d: `M${points.join('L')}` });
  });
  const names = runs.flatMap(({ topology, seed }, index) => [
    shape('text', { class: `name run-${index}`, x: WIDTH - RIGHT + 12, y: TOP + 14 + 18 * index }, `${topology}, seed ${seed}`),
  ]);
  byId('curves', SVGSVGElement).replaceChildren(...grid, ...scale, ...curves, ...names);
}

/** Returns the next round number whose quarters are also round. @param {number} number */
function roundUp(number) {
  const unit = 10 ** Math.floor(Math.log10(number));
  return unit * ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((digit) => digit * unit >= number) ?? 10);
}

/** @param {string} name @param {Record<string, string | number>} attributes @param {...string} text */
function shape(name, attributes, ...text) {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value));
  element.append(...text);
  return element;
}
