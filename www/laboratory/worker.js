// @ts-check
/** The Worker of the simulated network. It runs a slice for each picture that the page requests. */

import init, { Laboratory } from '../pkg/plexus_laboratory.js';

/** The longest real time of a slice, milliseconds, so that pictures stay smooth. */
const SLICE_MS = 14;
/** The number of events between two looks at the clock. */
const EVENTS = 400;
/** The simulated time of a slice while a block travels slowly, milliseconds. */
const SLOW_MS = 3;
/** The time for which a block is followed slowly, milliseconds. */
const FOLLOWED_MS = 1_500;
/** The links are sent once in this many pictures. */
const LINKS_EVERY = 60;

const loaded = init({ module_or_path: new URL('../pkg/plexus_laboratory_bg.wasm', import.meta.url) });
/** @type {Laboratory | undefined} */
let laboratory;
let pictures = 0;
let scene = { simulated_ms: 0, newest_ms: /** @type {number | null} */ (null), counts: [0, 0, 0, 0] };

/** @param {string} setup */
async function begin(setup) {
  await loaded;
  laboratory?.free();
  laboratory = undefined;
  laboratory = new Laboratory(setup);
  pictures = 0;
  look();
  postMessage({ begun: true });
}

function look() {
  scene = JSON.parse(/** @type {Laboratory} */ (laboratory).scene());
}

/** @param {boolean} slowly */
function slice(slowly) {
  if (!laboratory) return;
  const begin = performance.now();
  let progress;
  do {
    const { simulated_ms, newest_ms, counts: [, behind, elsewhere] } = scene;
    const travels = slowly && newest_ms !== null && behind + elsewhere > 0 && simulated_ms - newest_ms < FOLLOWED_MS;
    const mined = progress?.blocks_mined;
    progress = JSON.parse(laboratory.run(travels ? simulated_ms + SLOW_MS : Infinity, EVENTS));
    const isNew = mined !== undefined && progress.blocks_mined > mined;
    if (travels || isNew && slowly) break;
  } while (progress.stage !== 'done' && performance.now() - begin < SLICE_MS);
  look();
  const isDone = progress.stage === 'done';
  const report = isDone || pictures % LINKS_EVERY === 0 ? JSON.parse(laboratory.report()) : null;
  pictures += 1;
  postMessage({ progress, scene, report });
}

addEventListener('message', async ({ data: { setup, slowly } }) => {
  try {
    if (setup) await begin(setup);
    else slice(slowly);
  } catch (error) {
    // The simulator throws a text for an invalid setup or a violated invariant. An Error is a bug of the program.
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
