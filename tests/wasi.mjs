// Runs a test program built for wasm32-wasip1, as cargo's runner: node tests/wasi.mjs PROGRAM ARGUMENTS…
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { WASI } from 'node:wasi';

const [, , program, ...more] = process.argv;
const wasi = new WASI({ version: 'preview1', args: [program, ...more], env: process.env, preopens: { '.': '.' } });
const module = await WebAssembly.compile(await readFile(program));
// A program that calls Node's functions directly may crash Node once its memory has grown
// (https://github.com/nodejs/node/issues/51303); through a function of ours, it does not.
const through = ([name, call]) => [name, (...values) => call(...values)];
const calls = Object.fromEntries(Object.entries(wasi.wasiImport).map(through));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: calls });
process.exitCode = wasi.start(instance);
