// @ts-check
/**
 * A miner. It searches its share of the newest job, one slice at a time, and reads its messages between two slices.
 */

/** @typedef {import('./pkg/plexus_miner.js').Miner} Miner */

/** @type {(told: { module: WebAssembly.Module, program: string }) => void} */
let begin;
const ready = new Promise((resolve) => (begin = resolve)).then(start);

/** True if there is a job. */
let searching = false;
/** True if the next slice is scheduled. */
let scheduled = false;
/** Counts jobs, so that a newer job replaces one that came while the program was loading. */
let newest = 0;

/** A message to itself lets other messages in first, without the 4 ms that a timer would wait. */
const next = new MessageChannel();

/** @param {{ module: WebAssembly.Module, program: string }} told */
async function start({ module, program }) {
  /** @type {typeof import('./pkg/plexus_miner.js')} */
  const { default: init, Miner } = await import(`./pkg/${program}.js`);
  await init({ module_or_path: module });
  const miner = new Miner();
  next.port1.onmessage = () => slice(miner);
  return miner;
}

/** @param {Miner} miner */
function slice(miner) {
  scheduled = false;
  if (!searching) return;
  const solution = miner.slice();
  postMessage({ tries: miner.takeTries(), solution, kernel: miner.kernel() });
  // A solved job goes on: another solution may be needed if the first is refused, and the next job comes at once.
  schedule(miner);
}

/** @param {Miner} miner */
function schedule(miner) {
  if (scheduled) return;
  scheduled = true;
  const rest = miner.rest();
  if (rest > 0) setTimeout(slice, rest, miner);
  else next.port2.postMessage(null);
}

addEventListener('message', async ({ data }) => {
  if (data.module) return begin(data);
  const number = ++newest;
  const miner = await ready;
  if (number !== newest) return;
  searching = data.job !== null && miner.search(data.job, data.number, data.count, data.percent);
  if (searching) schedule(miner);
});
