/** The package in TypeScript: what editors know of it. Tests check its types; nothing runs it. */

import { Client, type Arrival, type Trace } from 'plexus-light';
import { PlexusBlocks } from 'plexus-light/elements.js';

/** Sends a text, and resolves to the height of the block that it came into. */
export async function written(node: string, text: string): Promise<number> {
  const client = new Client({ node });
  await client.makeEphemeralKey();
  const id: string = await client.submit('', text);
  return new Promise((resolve) => {
    client.addEventListener('sent', ({ detail: letter }) => {
      if (letter.id !== id || letter.number_of_block === null) return;
      resolve(letter.number_of_block);
      client.close();
    });
  });
}

/** The newest block of those that were verified here. */
export function newest({ blocks }: Client): Arrival | undefined {
  return [...blocks.values()].filter(({ verdict }) => verdict === 'valid').sort((a, b) => b.number_of_block - a.number_of_block)[0];
}

/** Whether a block keeps every rule that can be checked here. */
export async function keepsAll(client: Client, height: number): Promise<boolean> {
  const trace: Trace = await client.trace(height);
  return trace.steps.every(({ finding }) => finding !== 'broken');
}

/** Has an element show a client of the page's own. */
export function shown(client: Client): PlexusBlocks {
  const blocks = document.createElement('plexus-blocks');
  blocks.client = client;
  document.querySelector('plexus-miner')?.setAttribute('threads', '2');
  return blocks;
}

// @ts-expect-error: a node has to be named
new Client({});
// @ts-expect-error: a recipient and a text are strings
new Client({ node: '' }).submit('bob', 1);
// @ts-expect-error: there is no such verdict
newest(new Client({ node: '' }))?.verdict === 'invalid';
