// Runs a test program built for wasm32-wasip1, as cargo's runner: node tests/wasi.mjs PROGRAM ARGUMENTS…
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { WASI } from 'node:wasi';

const [, , program, ...more] = process.argv;
const wasi = new WASI({ version: 'preview1', args: [program, ...more], env: process.env, preopens: { '.': '.' } });
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
