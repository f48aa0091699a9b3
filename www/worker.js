// @ts-check
/**
 * The Worker that owns the light node, unless another tab's Worker does. It starts the program, forwards calls
 * to it and updates from it, and owns the miners. It makes no decisions.
 */
import init, { FileDigest, LightNode, verifyProof } from './pkg/plexus_web.js';
import { SharedNode } from './shared-node.js';

/** The methods of the node that a page may call. */
const METHODS = new Set(['submit', 'mine', 'stopMining', 'find', 'keys', 'createKey', 'lock', 'words', 'exportKey', 'makeEphemeralKey', 'trace', 'holds', 'useGpu']);
/** The methods that change the stored keys. The origin's other tabs are notified. */
const STORING = new Set(['confirmKey', 'restore', 'protect', 'unlock', 'useKey', 'importKey']);
const others = new BroadcastChannel('plexus-keys');
others.addEventListener('message', async () => (await started)?.keys());
/** The time to wait for the lock on the stored chain, milliseconds. */
const LOCK_MS = 300;
/** The longest wait for the node's comparison of a proof file, milliseconds. */
const HOLDS_MS = 3000;
/** The miners' program for engines that have vectors, built for speed. */
const VECTORS = 'plexus_miner';
/** The miners' program for other engines: the node's own. */
const PLAIN = 'plexus_web';
/** The smallest program with a vector. Only an engine that has vectors accepts it as valid. */
const VECTOR = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

const program = compile(new URL('./pkg/plexus_web_bg.wasm', import.meta.url));
/** Resolves when the functions that need no node can be called. */
const loaded = program.then((module) => init({ module_or_path: module }));
/** @type {Promise<LightNode> | undefined} */
let started;
/** The visible tabs. @type {Set<string>} */
const visible = new Set();
const sharedNode = new SharedNode({
  start: async () => {
    started = begin();
    await started;
  },
  answer,
  show: (updates) => postMessage({ updates }),
});
/** The URL of the node to connect to. */
let home = '';

/** @param {URL} url */
async function compile(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} returned status ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** Starts the node in this tab. */
async function begin() {
  await loaded;
  const keepsChain = await isFirstPage();
  const light = await LightNode.start(
    home,
    keepsChain,
    (/** @type {string} */ update) => sharedNode.tell(update),
    (/** @type {Uint8Array | null} */ job, /** @type {number} */ threads, /** @type {number} */ percent) => miners.search(job, threads, percent),
  );
  miners.light = light;
  return light;
}

/**
 * Calls a method of this tab's node for a tab.
 * @param {string} method
 * @param {any[]} args
 * @param {string} from the tab that calls
 */
async function answer(method, args, from) {
  const light = await started;
  if (!light || !METHODS.has(method) && !STORING.has(method)) throw new Error(`unknown method ${method}`);
  if (method === 'useGpu') return miners.useGpu(args[0]);
  if (method === 'find') {
    // One visible tab of several is enough.
    const [hidden, onBattery] = args;
    if (hidden) visible.delete(from);
    else visible.add(from);
    return light.find(visible.size === 0, onBattery);
  }
  const value = await /** @type {any} */ (light)[method](...args);
  if (STORING.has(method)) others.postMessage('');
  return value;
}

/** Resolves to true if no other page of this origin stores the chain. While this page lives, no later page does. */
function isFirstPage() {
  // Without locks (on an insecure page) two pages may both write. The stored data is checked when it is read.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise(() => {});
    };
    // A page that was just closed may not have released the lock yet.
    navigator.locks.request('plexus-chain', { signal: AbortSignal.timeout(LOCK_MS) }, hold).catch(() => resolve(false));
  });
}

/**
 * Returns true if the chain that was verified in this origin's tabs has a proof file's block, false if it has another
 * one at that height, and undefined if that is not known.
 * @param {{ network_id: string, number_of_block: number, block: string, height: number, tip: string }} file
 * @returns {Promise<boolean | undefined>}
 */
function holds({ network_id, number_of_block, block, height, tip }) {
  // Without a node that answers, a file is verified all the same.
  const late = new Promise((resolve) => setTimeout(resolve, HOLDS_MS));
  const asked = sharedNode.ask('holds', [network_id, BigInt(number_of_block), block, BigInt(height), tip]);
  return Promise.race([asked, late]).catch(() => undefined);
}

/**
 * Returns the SHA-256 of a file, read piece by piece.
 * @param {File} file
 * @param {(done: number) => void} progress receives the fraction that is read, from 0 to 1
 */
async function digest(file, progress) {
  await loaded;
  const sum = new FileDigest();
  let [read, told] = [0, 0];
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return sum.finish();
    sum.update(value);
    read += value.length;
    if (read - told < file.size / 100) continue;
    told = read;
    progress(read / file.size);
  }
}

/** The miners. Each is a Worker with its own instance of the fastest program for this engine. */
const miners = {
  program: PLAIN,
  /** @type {Promise<WebAssembly.Module> | undefined} */
  module: undefined,
  /** @type {LightNode | undefined} */
  light: undefined,
  /** @type {Worker[]} */
  workers: [],
  /** The GPU miner, if it is enabled. @type {Worker | undefined} */
  gpu: undefined,
  wantsGpu: false,
  /** The newest job, number of threads and percent of the time. @type {[Uint8Array | null, number, number]} */
  newest: [null, 0, 100],

  /**
   * Searches this job only. With null, no job.
   * @param {Uint8Array | null} job
   * @param {number} threads
   * @param {number} percent
   */
  search(job, threads, percent) {
    this.newest = [job, threads, percent];
    const wanted = job ? threads : 0;
    while (this.workers.length > wanted) this.workers.pop()?.terminate();
    while (this.workers.length < wanted) this.workers.push(this.spawnMiner());
    this.searchOnGpu(job !== null);
    const all = this.gpu ? [...this.workers, this.gpu] : this.workers;
    all.forEach((worker, number) => worker.postMessage({ job, number, count: all.length, percent }));
  },

  spawnMiner() {
    const worker = new Worker(new URL('./miner.js', import.meta.url), { type: 'module', name: 'plexus-miner' });
    this.module ??= this.program === PLAIN ? program : compile(new URL(`./pkg/${VECTORS}_bg.wasm`, import.meta.url));
    this.module.then((module) => worker.postMessage({ module, program: this.program }));
    return this.listen(worker);
  },

  /** @param {Worker} worker */
  listen(worker) {
    let told = '';
    worker.addEventListener('message', ({ data: { tries, solution, kernel, failed } }) => {
      if (failed) return this.onGpuLost(failed);
      this.light?.hashed(tries);
      if (solution) this.light?.solved(solution);
      if (!kernel || kernel === told) return;
      told = kernel;
      sharedNode.tell(JSON.stringify({ type: 'kernel', value: { name: kernel, vectors: this.program === VECTORS } }));
    });
    return worker;
  },

  spawnGpuMiner() {
    const worker = new Worker(new URL('./gpu.js', import.meta.url), { type: 'module', name: 'plexus-gpu' });
    program.then((module) => worker.postMessage({ module }));
    return this.listen(worker);
  },

  /** @param {boolean} searches */
  searchOnGpu(searches) {
    if (searches && this.wantsGpu) {
      this.gpu ??= this.spawnGpuMiner();
    } else {
      this.gpu?.terminate();
      this.gpu = undefined;
    }
  },

  /** Turns the GPU on or off, in addition to the threads. @param {boolean} wanted */
  useGpu(wanted) {
    this.wantsGpu = wanted;
    if (this.newest[0]) this.search(...this.newest);
  },

  /** Handles a failure of the GPU. The threads then share all nonces. @param {string} why */
  onGpuLost(why) {
    this.useGpu(false);
    sharedNode.tell(JSON.stringify({ type: 'gpu-lost' }));
    const text = `GPU mining stopped: ${why}. The threads continue.`;
    sharedNode.tell(JSON.stringify({ type: 'notice', value: { bad: true, text } }));
  },
};

// Show failures that no caller waits for.
addEventListener('unhandledrejection', ({ reason }) => {
  const text = `The node in this page failed: ${reason instanceof Error ? reason.message : reason}. Reload the page.`;
  postMessage({ updates: [JSON.stringify({ type: 'notice', value: { bad: true, text } })] });
});

addEventListener('message', async ({ data: { id, method, args } }) => {
  try {
    if (method === 'start') {
      const [node, vectors, shares] = args;
      home = node;
      miners.program = vectors && WebAssembly.validate(VECTOR) ? VECTORS : PLAIN;
      await sharedNode.start(shares ? `plexus ${node}` : null);
      postMessage({ id });
    } else if (method === 'verify') {
      await loaded;
      const alone = verifyProof(args[0]);
      const held = await holds(JSON.parse(alone));
      postMessage({ id, value: held === undefined ? alone : verifyProof(args[0], held) });
    } else if (method === 'digest') {
      postMessage({ id, value: await digest(args[0], (progress) => postMessage({ id, progress })) });
    } else {
      postMessage({ id, value: await sharedNode.ask(method, args) });
    }
  } catch (error) {
    postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
