/**
 * Elements for pages that embed the light client: `<plexus-blocks>`, `<plexus-graph>` and `<plexus-miner>`.
 *
 * Each has the attribute `node`, the URL of a node, and the property `client`. Elements that name the same
 * node share one client, which closes with the last of them. A client that is set by the property is closed
 * by its owner. The elements inherit the page's font, its colours, and light or dark from its `color-scheme`.
 * `--plexus-accent`, `--plexus-bad` and `--plexus-surface` set colours. `::part` sets the rest. They need the
 * same content security policy as the client.
 */
import { Client } from './client.js';
export type Arrival = import('./client.js').Arrival;
export type State = import('./client.js').State;
/** The base class of all elements. */
declare class PlexusElement extends HTMLElement {
    #private;
    static observedAttributes: string[];
    /** @param {string} name the accessible name */
    constructor(name: string);
    /** The displayed client, or null. A client set here replaces the client of the attribute `node`. Null ends that. */
    get client(): Client | null;
    set client(client: Client | null);
}
/**
 * The newest blocks with their verdicts, as they are verified here. `limit` is their number: 1 to 50, by default
 * 10. Parts: `blocks`, `block`, and with it `valid`, `undone` or `refused`; `status`.
 */
export declare class PlexusBlocks extends PlexusElement {
    #private;
    constructor();
}
/** The network as its node sees it: a graph of measured latencies. Parts: `graph`, `legend`, `words`, `status`. */
export declare class PlexusGraph extends PlexusElement {
    #private;
    constructor();
}
/**
 * Mines when the person starts it, with `threads` Workers (by default 1), each for `percent` of the time. It mines
 * for the key that the client signs with, or for a new key of this tab only. Parts: `figures`, `button`, and with
 * it `on` while mining is on; `waiting`, `error`, `status`.
 */
export declare class PlexusMiner extends PlexusElement {
    #private;
    constructor();
}
export {};
