// @ts-check
/**
 * A miner on the GPU. It searches its share of the newest job, one dispatch of the shader at a time, and starts
 * a new job between two dispatches. It takes the same messages as `miner.js`. If it cannot go on, it sends
 * `{ failed }`, once.
 *
 * The program defines the shader's input and the meaning of its answer. It also checks a found nonce again.
 */
import init, { GpuMiner } from './pkg/plexus_web.js';

/** The content of the answer's buffer before a dispatch. `core/src/mining/kernel/gpu.rs` explains it, and the numbers below. */
const UNANSWERED = new Uint32Array([0xffffffff, 0]);
/** The target time of a dispatch. If the GPU is busy for longer than 30 ms, the page visibly stutters. */
const DISPATCH_MS = 20;
const GROUPS_MAX = 4096;
const NONCES_MIN = 2 ** 12;
const NONCES_MAX = 2 ** 30;

/** @type {(module: WebAssembly.Module) => void} */
let begin;
/** @type {Promise<WebAssembly.Module>} */
const module = new Promise((resolve) => (begin = resolve));
const ready = module.then((module) => init({ module_or_path: module }));
const opened = open();
opened.catch(fail);

let nonces = NONCES_MIN;
/** The share of the time for which it may work. */
let percent = 100;
/** @type {GpuMiner | undefined} */
let wanted;
/** The share whose dispatch is running. @type {GpuMiner | undefined} */
let current;
/** Counts jobs, so that a newer job replaces one that came while the program was loading. */
let newest = 0;
let running = false;
let failed = false;

/** Opens the device and compiles the shader. Resolves to the function that runs a dispatch. */
async function open() {
  // Editors do not know the types of WebGPU yet.
  const gpu = /** @type {any} */ (navigator).gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('this browser offers no GPU');
  const device = await adapter.requestDevice();
  device.lost.then((/** @type {{ message: string }} */ { message }) => fail(new Error(message || 'the GPU was lost')));
  device.addEventListener('uncapturederror', (/** @type {any} */ { error }) => fail(error));

  const shader = await fetch(new URL('./search.wgsl', import.meta.url));
  if (!shader.ok) throw new Error(`search.wgsl: status ${shader.status}`);
  const program = device.createShaderModule({ code: await shader.text() });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module: program, entryPoint: 'search' } });
  const bytes = UNANSWERED.byteLength;
  // 1 map for reading, 4 copy from, 8 copy to, 64 uniform, 128 storage.
  const answer = device.createBuffer({ size: bytes, usage: 4 | 8 | 128 });
  const copy = device.createBuffer({ size: bytes, usage: 1 | 8 });
  /** @type {any} */
  let input;
  /** @type {any} */
  let bindings;

  /** @param {Uint8Array} dispatch @param {number} groups */
  return async function run(dispatch, groups) {
    if (!input) {
      input = device.createBuffer({ size: dispatch.byteLength, usage: 8 | 64 });
      const entries = [input, answer].map((buffer, binding) => ({ binding, resource: { buffer } }));
      bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    }
    device.queue.writeBuffer(input, 0, dispatch);
    device.queue.writeBuffer(answer, 0, UNANSWERED);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(groups);
    pass.end();
    encoder.copyBufferToBuffer(answer, 0, copy, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(1);
    const read = new Uint8Array(copy.getMappedRange()).slice();
    copy.unmap();
    return read;
  };
}

async function search() {
  running = true;
  const run = await opened;
  while (wanted && !failed) {
    const share = (current = wanted);
    const begun = performance.now();
    const dispatch = share.dispatch(nonces);
    const solution = share.settle(await run(dispatch, groups(dispatch)));
    // A dispatch that found a nonce ended early.
    const took = performance.now() - begun;
    if (!solution) nonces = paced(nonces, took);
    const tries = share.takeTries();
    if (tries === 0) throw new Error('the GPU returned an impossible answer');
    postMessage({ tries, solution });
    current = undefined;
    if (share !== wanted) share.free();
    if (percent < 100) await new Promise((resolve) => setTimeout(resolve, took * (100 / percent - 1)));
  }
  running = false;
}

/** Returns the number of workgroups of 64 invocations for a dispatch. Its last word is its number of nonces. @param {Uint8Array} dispatch */
function groups(dispatch) {
  const nonces = new DataView(dispatch.buffer, dispatch.byteOffset).getUint32(dispatch.byteLength - 4, true);
  return Math.min(GROUPS_MAX, Math.ceil(nonces / 64));
}

/**
 * Returns the number of nonces for the next dispatch, after one of `nonces` took `took_ms`. It at most doubles.
 * @param {number} nonces
 * @param {number} took_ms
 */
function paced(nonces, took_ms) {
  const fitting = Math.min(2 * nonces, (nonces * DISPATCH_MS) / Math.max(took_ms, 0.001));
  return Math.floor(Math.min(NONCES_MAX, Math.max(NONCES_MIN, fitting)));
}

/** @param {unknown} error */
function fail(error) {
  if (failed) return;
  failed = true;
  postMessage({ failed: /** @type {any} */ (error)?.message ?? String(error) });
}

addEventListener('message', async ({ data }) => {
  if (data.module) return begin(data.module);
  const number = ++newest;
  await ready;
  if (number !== newest) return;
  percent = data.percent ?? 100;
  if (wanted !== current) wanted?.free();
  wanted = data.job ? new GpuMiner(data.job, data.number, data.count) : undefined;
  if (wanted && !running) search().catch(fail);
});
