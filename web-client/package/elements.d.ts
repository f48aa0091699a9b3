/**
 * Elements for pages that embed the light client: `<plexus-blocks>`, `<plexus-graph>` and `<plexus-miner>`.
 *
 * Each has the attribute `node`, the URL of a node, and the property `client`. Elements that name the same node share one client, which
 * ends with the last of them; one that is given by the property is its owner's to close. They look as the page around them does:
 * its font, its colours, light or dark by its `color-scheme`. `--plexus-accent`, `--plexus-bad` and `--plexus-surface` set colours,
 * `::part` all else. A content security policy needs no more than the client does.
 */
import { Client } from './client.js';
export type Arrival = import('./client.js').Arrival;
export type State = import('./client.js').State;
/** What all the elements have in common. */
declare class PlexusElement extends HTMLElement {
    #private;
    static observedAttributes: string[];
    /** @param {string} name what it is to those who do not see it */
    constructor(name: string);
    /** The client that it shows; null while it has none. To set one takes the place of that of the attribute `node`; null ends that. */
    get client(): Client | null;
    set client(client: Client | null);
}
/**
 * The newest blocks with their verdicts, as they are verified here; `limit` of them, 1 to 50, 10 unless it is said. Parts: `blocks`,
 * `block`, and with it `valid`, `undone` or `refused`; `status`.
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
 * Mines when the person says so, with `threads` Workers, 1 unless it is said, each `percent` of the time; for the key that the client
 * signs with, or one that is made for this tab alone. Parts: `figures`, `button`, and with it `on` while it is to mine; `waiting`,
 * `error`, `status`.
 */
export declare class PlexusMiner extends PlexusElement {
    #private;
    constructor();
}
export {};
