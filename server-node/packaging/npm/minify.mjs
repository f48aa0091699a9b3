#!/usr/bin/env node
// Minifies every script and style below a folder, in place: `minify.mjs FOLDER`. The build of a release runs it
// (PLEXUS_MINIFIER). The same files and the same package-lock.json give the same bytes. It uses oxc for Linux on x86-64 alone:
// that is where releases are made, and a lock file of all its platforms would be ten times as long.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { transform } from 'lightningcss';

const oxc = createRequire(import.meta.url)('@oxc-minify/binding-linux-x64-gnu');
const folder = process.argv[2];
if (!folder) throw new Error('usage: minify.mjs FOLDER');

/** The page's scripts are written in this version, so nothing is rewritten for older browsers. */
const TARGET = 'es2022';

const decoder = new TextDecoder('utf-8', { fatal: true });

for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
  const file = join(folder, name);
  if (name.endsWith('.js')) {
    const { code, errors } = oxc.minifySync(name, decoder.decode(readFileSync(file)), {
      module: true,
      compress: { target: TARGET },
      mangle: { toplevel: true },
      codegen: { removeWhitespace: true, legalComments: 'none' },
    });
    if (errors.length) throw new Error(`${name}: ${errors.map(({ message }) => message).join('; ')}`);
    writeFileSync(file, code);
  } else if (name.endsWith('.css')) {
    const { code, warnings } = transform({ filename: name, code: readFileSync(file), minify: true });
    if (warnings.length) throw new Error(`${name}: ${warnings.map(({ message }) => message).join('; ')}`);
    writeFileSync(file, code);
  }
}
