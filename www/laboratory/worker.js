// @ts-check
/** The Worker that the simulated network lives in. It runs a slice for each picture that the page asks for. */

import init, { Laboratory } from '../pkg/plexus_laboratory.js';

/** How long a slice takes at most, milliseconds of this machine's: pictures stay smooth. */
const SLICE_MS = 14;
/** After so many events the time is looked at. */
const EVENTS = 400;
/** How much simulated time a slice has while a block travels slowly, milliseconds, */
const SLOW_MS = 3;
/** and for how long a block is followed so. */
const FOLLOWED_MS = 1_500;
/** The links are told every so many pictures. */
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
    // What the simulator says of a setup or of a law that was broken is a text; anything else is an error of the program.
    postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
