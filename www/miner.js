// @ts-check
/**
 * A miner: searches its share of the newest job, a slice at a time, and looks at its messages between two slices.
 */
import init, { Miner } from './pkg/plexus_web.js';

/** @type {(module: WebAssembly.Module) => void} */
let begin;
/** @type {Promise<WebAssembly.Module>} */
const module = new Promise((resolve) => (begin = resolve));
const ready = module.then((module) => init({ module_or_path: module }));

/** @type {Miner | undefined} */
let miner;
/** Counts jobs, so that one that came while the program was loading gives way to a newer one. */
let newest = 0;

/** A message to oneself lets others in first, without the 4 ms that a timer would wait. */
const next = new MessageChannel();
next.port1.onmessage = slice;

function slice() {
  if (!miner) return;
  const solution = miner.slice();
  postMessage({ tries: miner.takeTries(), solution });
  // A solved job goes on: another solution may be needed if the first is refused, and the next job comes at once.
  next.port2.postMessage(null);
}

addEventListener('message', async ({ data }) => {
  if (data.module) return begin(data.module);
  const number = ++newest;
  await ready;
  if (number !== newest) return;
  const idle = !miner;
  miner?.free();
  miner = data.job ? new Miner(data.job, data.number, data.count) : undefined;
  if (idle) slice();
});
