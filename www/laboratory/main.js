// @ts-check
/** The simulator's page: its setup, its progress and its results. */

import { count } from '../format.js';
import { byId } from '../views/dom.js';
import { drawNetwork, drawTree } from './picture.js';
import { addRun } from './results.js';
import { commandOf, fill, flagsOf, queryOf, setupOf } from './setup.js';

/**
 * @typedef {{ stage: 'warming' | 'measuring' | 'settling' | 'done', events: number, simulated_ms: number, blocks_mined: number, blocks_wanted: number }} Progress
 * @typedef {'newest' | 'behind' | 'elsewhere' | 'down'} Stance
 * @typedef {{ number: number, parent: number | null, at_ms: number, holders: number, best: boolean }} SceneBlock
 * @typedef {{ simulated_ms: number, newest_ms: number | null, counts: number[], stances: Stance[], blocks: SceneBlock[] }} Scene
 * @typedef {{ node: number, x: number, y: number, honest: boolean }} Place
 * @typedef {object} Report
 * @property {string} topology
 * @property {number} nodes
 * @property {number} honest
 * @property {number} seed
 * @property {number | null} t50_ms
 * @property {number | null} t90_ms
 * @property {number | null} t99_ms
 * @property {number | null} body_t90_ms
 * @property {number} stale_rate
 * @property {number} header_copies
 * @property {number} body_copies
 * @property {number} bytes_per_node
 * @property {string} trace_hash
 * @property {{ header_ms: (number | null)[] }} curves
 * @property {Place[]} places
 * @property {{ a: number, b: number }[]} links
 */

/** The label of each stage. */
const STAGES = { warming: 'Nodes connect', measuring: 'Blocks are mined', settling: 'Nodes agree on a chain', done: 'Done' };

const form = byId('setup', HTMLFormElement);
const [run, pause] = [byId('run', HTMLButtonElement), byId('pause', HTMLButtonElement)];

/** @type {Worker | undefined} */
let worker;
/** The newest report with places and links. @type {Report | undefined} */
let report;
/** @type {Scene | undefined} */
let scene;
let isPaused = false;
let isRunning = false;

/** @param {Progress['stage'] | 'failed'} stage @param {string} text */
function stand(stage, text) {
  const element = byId('stage', HTMLElement);
  if (element.dataset.stage !== stage || stage === 'failed') element.textContent = text;
  element.dataset.stage = stage;
  isRunning = stage === 'warming' || stage === 'measuring' || stage === 'settling';
  pause.disabled = !isRunning;
}

/** @param {string} text */
function refuse(text) {
  const refusal = byId('refusal', HTMLElement);
  refusal.textContent = text;
  refusal.hidden = false;
  stand('failed', 'Stopped');
}

function begin() {
  const flags = flagsOf(form);
  let setup;
  try {
    setup = setupOf(flags);
  } catch (error) {
    return refuse(sentence(/** @type {Error} */ (error).message));
  }
  byId('refusal', HTMLElement).hidden = true;
  byId('command', HTMLElement).textContent = commandOf(flags, form);
  history.replaceState(null, '', queryOf(flags, form));
  // Otherwise the new run would have to wait for the old Worker's slice.
  worker?.terminate();
  worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'plexus-laboratory' });
  worker.addEventListener('message', ({ data }) => received(data));
  worker.addEventListener('error', (event) => refuse(`The simulator stopped: ${event.message || 'it could not start'}.`));
  worker.postMessage({ setup });
  [report, scene] = [undefined, undefined];
  hold(false);
  stand('warming', STAGES.warming);
}

/** @param {{ begun?: true, error?: string, progress: Progress, scene: Scene, report: Report | null }} data */
function received(data) {
  if (data.error !== undefined) return refuse(sentence(data.error));
  if (!data.begun) show(data);
  if (isRunning && !isPaused) next();
}

/** Requests the next slice when the last one is on the screen. */
function next() {
  const ask = () => worker?.postMessage({ slowly: byId('slowly', HTMLInputElement).checked });
  // A hidden page gets no frames, and does not need small slices.
  if (document.hidden) setTimeout(ask);
  else requestAnimationFrame(ask);
}

/** @param {{ progress: Progress, scene: Scene, report: Report | null }} data */
function show({ progress, scene: now, report: measured }) {
  [scene, report] = [now, measured ?? report];
  const { stage, blocks_mined, blocks_wanted } = progress;
  stand(stage, STAGES[stage]);
  const bar = byId('progress', HTMLProgressElement);
  bar.hidden = stage === 'done';
  bar.value = blocks_mined / blocks_wanted;
  byId('simulated', HTMLElement).textContent = `${time(progress.simulated_ms)} simulated · ${count(blocks_mined)} of ${count(blocks_wanted)} blocks`;
  const places = ['newest', 'behind', 'elsewhere', 'down'];
  places.forEach((id, place) => { byId(id, HTMLElement).textContent = count(now.counts[place]); });
  if (report) byId('traitors', HTMLElement).textContent = count(report.nodes - report.honest);
  draw();
  if (stage === 'done' && measured) addRun(measured);
}

function draw() {
  if (!scene || !report) return;
  drawNetwork(byId('picture', HTMLCanvasElement), report, scene);
  drawTree(byId('tree', HTMLCanvasElement), scene);
}

/** @param {boolean} wanted */
function hold(wanted) {
  isPaused = wanted;
  pause.textContent = wanted ? 'Continue' : 'Pause';
  pause.setAttribute('aria-pressed', String(wanted));
}

/** Returns simulated time as text. @param {number} ms */
function time(ms) {
  const [minutes, seconds] = [Math.floor(ms / 60_000), (ms % 60_000) / 1000];
  return minutes ? `${minutes} min ${String(Math.floor(seconds)).padStart(2, '0')} s` : `${seconds.toFixed(2)} s`;
}

/** @param {string} text */
function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  begin();
});
pause.addEventListener('click', () => {
  hold(!isPaused);
  if (!isPaused && isRunning) next();
});
addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
const query = new URLSearchParams(location.search);
fill(form, query);
run.disabled = false;
if (query.size) begin();
