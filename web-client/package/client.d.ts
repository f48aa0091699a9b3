/**
 * The client: a Plexus light node in a Worker of its own, as an object that a page can hold.
 *
 *     import { Client } from './client.js';   // of the page's own origin; as a package: 'plexus-light'
 *     const client = new Client({ node: 'https://node.example' });
 *     client.addEventListener('block', (event) => console.log(event.detail.number_of_block, event.detail.verdict));
 *     await client.makeEphemeralKey();   // or createKey, confirmKey, and after a reload unlock
 *     await client.submit('bob', 'hello');
 *
 * Everything is decided and verified in the Worker; this file passes on what it says. Events carry their value in `detail`:
 * `state` (State), `block` (Arrival), `block-gone` (a hash), `reorg` (Reorg), `reorg-gone` (a hash), `sent` (Letter), `sent-gone`
 * (an id), `mining` (Mining), `kernel` ({name, vectors}: what searches), `keys` (Key[], whenever they change), `notice` (Notice), `gpu-lost` (nothing).
 */
export type Network = {
    name: string;
    id: string;
    spacing_ms: number;
};
export type Peer = {
    address: string;
    /**
     * `home` is the node that the client was given.
     */
    kind: 'home' | 'nearest' | 'random';
    latency_ms: number | null;
    /**
     * How its chain stands to ours; null until that is known.
     */
    agreement: 'agrees' | 'lags' | 'differs' | null;
};
export type ChainProof = {
    /**
     * Up to which block.
     */
    height: number;
    /**
     * How many points of the work were shown.
     */
    samples: number;
    bytes: number;
};
export type State = {
    phase: 'connecting' | 'syncing' | 'live' | 'offline';
    /**
     * The URL of the node to connect to.
     */
    node: string;
    /**
     * Null until it is known.
     */
    network: Network | null;
    height: number;
    tip: string | null;
    /**
     * When the tip was mined, by its miner's clock.
     */
    tip_unix_ms: number | null;
    /**
     * The mean time between the newest blocks.
     */
    interval_ms: number | null;
    /**
     * What it took to find them, hashes a second: a decimal number.
     */
    network_hash_rate: string | null;
    /**
     * If the chain was begun with one, in this tab.
     */
    proof: ChainProof | null;
    /**
     * The height that is aimed at while syncing.
     */
    target: number;
    /**
     * A decimal number.
     */
    total_work: string;
    /**
     * Whether the chain is young, so that its work counts for less.
     */
    young: boolean;
    /**
     * The expected hashes of the next block, a decimal number.
     */
    difficulty: string;
    /**
     * The nodes that it is connected to, without those that are only being measured.
     */
    peers: Peer[];
    /**
     * How many messages wait.
     */
    pool: number;
    /**
     * Why the last connection was lost or refused.
     */
    trouble: string | null;
    /**
     * When the next attempt to connect is made.
     */
    retry_unix_ms: number | null;
    /**
     * Whether the chain outlives a reload of this page.
     */
    kept: boolean;
    recipient_bytes_max: number;
    text_bytes_max: number;
};
export type Message = {
    id: string;
    sender: string;
    recipient: string;
    text: string;
    timeStamp: string;
    time_unix_ms: number;
    stamp: string;
    signature: string;
    message: string;
};
export type Placed = Message & {
    pending: boolean;
    number_of_block: number | null;
    block: string | null;
    work_above: string | null;
};
export type Block = {
    hash: string;
    prev_hash: string;
    number_of_block: number;
    timeStamp: string;
    time_unix_ms: number;
    version: number;
    nonce: string;
    extra: string;
    bits: string;
    content_root: string;
    proof_of_work: string;
    total_work: string;
    author: string;
    signature: string;
    message: string;
    messages: Message[];
};
export type Arrival = {
    hash: string;
    number_of_block: number;
    verdict: 'valid' | 'undone' | 'refused';
    /**
     * Every rule that it breaks.
     */
    failures: {
        flag: string;
        reason: string;
    }[];
    seen_unix_ms: number;
    mined_here: boolean;
    messages_total: number;
    /**
     * With the first of its messages; null for a refused one.
     */
    block: Block | null;
};
export type Letter = {
    id: string;
    recipient: string;
    text: string;
    time_unix_ms: number;
    state: 'pending' | 'in-block' | 'expired' | 'dropped';
    number_of_block: number | null;
    block: string | null;
};
export type Traces = {
    key: string;
    /**
     * The lowest block that was looked through,
     */
    from: number;
    /**
     * and the highest.
     */
    to: number;
    /**
     * How many of the mempool's messages were looked at; 0 if a height was named.
     */
    pool_searched: number;
    /**
     * Those of them that wait for a block.
     */
    pending: Message[];
    messages: Placed[];
    blocks: {
        number_of_block: number;
        block: string;
        time_unix_ms: number;
    }[];
};
export type Verdict = {
    /**
     * Only a `valid` file proves its message: this
     * page's own chain has its block, or its chain has the work that this program knows. The parts of the others fit together.
     */
    verdict: 'valid' | 'too-weak' | 'replaced' | 'not-compared';
    /**
     * The verdict, for people.
     */
    title: string;
    /**
     * The meaning of a verdict that is not `valid`, for people.
     */
    reason: string | null;
    message: Message;
    block: string;
    number_of_block: number;
    /**
     * The miner's claim. It may be any time after that of the block below.
     */
    time_unix_ms: number;
    /**
     * The time of the block below.
     */
    parent_time_unix_ms: number;
    /**
     * The local clock at the check. No block of the chain is over a minute ahead of it.
     */
    clock_unix_ms: number;
    author: string;
    /**
     * The work that protects it, of its block and those above: a decimal number.
     */
    work: string;
    /**
     * The time that a graphics processor takes for it, for people.
     */
    work_time: string;
    /**
     * The number of these blocks.
     */
    blocks: number;
    height: number;
    tip: string;
    total_work: string;
    /**
     * Whether nobody but the maker of the chain need have mined it.
     */
    solitary: boolean;
    /**
     * Whether the chain is young, so that its work counts for less.
     */
    young: boolean;
    /**
     * As it calls itself.
     */
    network: string;
    network_id: string;
    /**
     * Whether the network is one that this program knows by itself.
     */
    built_in: boolean;
};
export type Graph = {
    /**
     * The node's key.
     */
    own: string;
    nodes_in_all: number;
    nodes: {
        key: string;
        distance_ms: number | null;
        x: number;
        y: number;
        weak: boolean;
    }[];
    links: {
        a: string;
        b: string;
        rtt_ms: number;
        tree: boolean;
        bridge: boolean;
        own: boolean;
    }[];
    rings: {
        radius: number;
        after_ms: number;
    }[];
    nearest: {
        key: string;
        distance_ms: number;
    }[];
    /**
     * How many nodes are so many links away.
     */
    levels: number[];
    diameter_ms: number;
    cut_off: number;
    weak_points: number;
    bridges: number;
};
export type NodePeer = {
    key: string | null;
    role: 'full' | 'light' | null;
    /**
     * Where it was dialled; else it dialled.
     */
    outbound: string | null;
    /**
     * Why the node dialled it, if the node chose it.
     */
    slot: 'nearest' | 'graph' | 'random' | 'feeler' | null;
    latency_ms: number | null;
};
export type Step = {
    rule: string;
    expected: string;
    found: string;
    /**
     * `open`: this page does not know the value to compare it with.
     */
    finding: 'kept' | 'broken' | 'open';
};
export type Trace = {
    /**
     * As it was checked; its `total_work` is 0 where this page does not know it.
     */
    block: Block;
    /**
     * Where this page knows it to be.
     */
    place: 'chain' | 'fork' | 'below' | 'unknown';
    steps: Step[];
};
export type Mining = {
    wanted: boolean;
    active: boolean;
    /**
     * Why nothing is searched although it is wanted.
     */
    waiting: string | null;
    threads: number;
    /**
     * The part of the time that each thread works.
     */
    percent: number;
    /**
     * Whether nothing is searched while the page is hidden,
     */
    pauses_hidden: boolean;
    /**
     * and while the machine lives on its battery.
     */
    pauses_on_battery: boolean;
    /**
     * Hashes a second.
     */
    hash_rate: number;
    expected_ms: number | null;
    found: number;
};
export type Key = {
    name: string;
    /**
     * Null of one that cannot be read.
     */
    public: string | null;
    /**
     * `clear` was stored unencrypted by an earlier version, `tab`
     * lives in this tab alone.
     */
    state: 'locked' | 'unlocked' | 'clear' | 'tab' | 'damaged';
    /**
     * Whether it is the one that signs.
     */
    chosen: boolean;
};
export type Draft = {
    /**
     * Its 24 words, to be written down.
     */
    words: string[];
    /**
     * The places, from 1, of three words that `confirm` asks for.
     */
    places: number[];
    confirm: (words: string[], name: string, passphrase: string | null) => Promise<string>;
};
export type Tip = {
    number_of_block: number;
    hash: string;
    total_work: string;
};
export type Reorg = {
    /**
     * That of the tip that was undone.
     */
    hash: string;
    /**
     * The last block that is known to be on both branches.
     */
    fork: number;
    /**
     * Whether the branches are known to part right above it.
     */
    is_exact: boolean;
    /**
     * How many blocks are known to be undone.
     */
    blocks: number;
    undone: Tip;
    /**
     * The tip when this node had caught up.
     */
    holds: Tip;
    seen_unix_ms: number;
    /**
     * What both branches have right above the fork
     * and at the height of each tip; null is not known, or not there.
     */
    pairs: {
        height: number;
        undone: string | null;
        holds: string | null;
    }[];
};
export type Notice = {
    bad: boolean;
    text: string;
};
export type Details = {
    state: State;
    block: Arrival;
    /**
     * A hash.
     */
    "block-gone": string;
    reorg: Reorg;
    /**
     * A hash.
     */
    "reorg-gone": string;
    sent: Letter;
    /**
     * An id.
     */
    "sent-gone": string;
    mining: Mining;
    /**
     * How far the search for a message's stamp is, from 0; at 1 it may still take a while.
     */
    stamping: number;
    /**
     * What searches.
     */
    kernel: {
        name: string;
        vectors: boolean;
    };
    keys: Key[];
    /**
     * How far this machine's clock is ahead of the node's, whenever it connected: of one that is off by
     * a minute, neither messages nor blocks are taken.
     */
    clock: {
        ahead_ms: number;
    };
    notice: Notice;
    "gpu-lost": null;
};
export type Speaker = {
    addEventListener<Name extends keyof Details>(name: Name, listener: (event: CustomEvent<Details[Name]>) => void, options?: boolean | AddEventListenerOptions): void;
} & EventTarget;
declare const Client_base: new () => Speaker;
/** A light node; it lives until it is closed. */
export declare class Client extends /** @type {new () => Speaker} */ /** @type {new () => Speaker} */ Client_base {
    #private;
    /** How the node stands, as of the last event. @type {State | null} */
    state: State | null;
    /** How its miners stand, as of the last event. @type {Mining | null} */
    mining: Mining | null;
    /** The blocks that arrived and are not gone, by their hashes: 64 at most. @type {Map<string, Arrival>} */
    blocks: Map<string, Arrival>;
    /**
     * @param {{ node: string, vectors?: boolean, shares?: boolean }} options `node` is the URL of a node: http(s), ws(s), with or
     *   without `/p2p`; without `vectors`, miners do as if the browser had none. One that `shares` is one with those of the origin's other
     *   tabs that do: they have one node, its keys and its miners in common, in the tab that was first.
     */
    constructor({ node, vectors, shares }: {
        node: string;
        vectors?: boolean;
        shares?: boolean;
    });
    /**
     * Signs a message with the chosen key and sends it.
     * @param {string} recipient
     * @param {string} text
     * @param {number} [stampBits] the work that it shows, which takes the place of a fee: 2^`stampBits` hashes, up to 36, or twice the
     *   least that nodes take, if that is more. A long search is told by `stamping` events.
     * @returns {Promise<string>} its id
     */
    submit(recipient: string, text: string, stampBits?: number): Promise<string>;
    /**
     * Mines with so many Workers, as soon as the chain is checked. Each works `percent` of the time, 5 to 100.
     * @param {number} threads
     * @param {{ percent?: number, pausesHidden?: boolean, pausesOnBattery?: boolean }} [effort]
     * @returns {Promise<void>}
     */
    mine(threads: number, { percent, pausesHidden, pausesOnBattery }?: {
        percent?: number;
        pausesHidden?: boolean;
        pausesOnBattery?: boolean;
    }): Promise<void>;
    /**
     * Mines on the graphics processor as well, whenever it mines. One that fails is `gpu-lost`, and used no more.
     * @param {boolean} wanted
     * @returns {Promise<void>}
     */
    useGpu(wanted: boolean): Promise<void>;
    /** @returns {Promise<void>} */
    stopMining(): Promise<void>;
    /**
     * The person's keys as they are stored now, by this tab or another. Secrets stay in the Worker.
     * @returns {Promise<Key[]>}
     */
    keys(): Promise<Key[]>;
    /**
     * Begins to make a key. Its 24 words are told this once; whoever has them has the key.
     * @returns {Promise<Draft>}
     */
    createKey(): Promise<Draft>;
    /**
     * Keeps the key that was made last, if these are the words that it asks for, and uses it.
     * @param {string[]} words
     * @param {string} name
     * @param {string | null} passphrase at least 10 characters, under which it is stored; null: it lives in this tab alone
     * @returns {Promise<string>} its public key
     */
    confirmKey(words: string[], name: string, passphrase: string | null): Promise<string>;
    /**
     * Makes a key that lives in this tab alone, and uses it: for pages that only send.
     * @param {string} [name]
     * @returns {Promise<string>} its public key
     */
    makeEphemeralKey(name?: string): Promise<string>;
    /**
     * Unlocks a key until the tab closes, and uses it.
     * @param {string} name
     * @param {string} passphrase
     * @returns {Promise<string>} its public key
     */
    unlock(name: string, passphrase: string): Promise<string>;
    /**
     * Locks all keys that are stored. Whoever mined for one mines no more.
     * @returns {Promise<void>}
     */
    lock(): Promise<void>;
    /**
     * Chooses the key that signs, and that blocks are mined for.
     * @param {string} name
     * @returns {Promise<void>}
     */
    useKey(name: string): Promise<void>;
    /**
     * Keeps the key of 24 words, and uses it.
     * @param {string} words
     * @param {string} name
     * @param {string | null} passphrase as of `confirmKey`
     * @returns {Promise<string>} its public key
     */
    restore(words: string, name: string, passphrase: string | null): Promise<string>;
    /**
     * Encrypts the key that an earlier version stored as whoever looks can read it.
     * @param {string} name
     * @param {string} passphrase
     * @returns {Promise<string>} its public key
     */
    protect(name: string, passphrase: string): Promise<string>;
    /**
     * Keeps the key in a key file, as `plexus key export` and `exportKey` write it, and uses it.
     * @param {string} file the text of the file
     * @param {string} passphrase that of the file
     * @param {string} [name] if it is not to have the name in the file
     * @returns {Promise<string>} its public key
     */
    importKey(file: string, passphrase: string, name?: string): Promise<string>;
    /**
     * @param {string} name
     * @param {string} [passphrase] to encrypt a key that is not stored encrypted; the others keep theirs
     * @returns {Promise<string>} the text of a key file, for `importKey` and `plexus key import`
     */
    exportKey(name: string, passphrase?: string): Promise<string>;
    /**
     * @param {string} name
     * @param {string} [passphrase] of a key that is stored
     * @returns {Promise<string>} the 24 words of a key
     */
    words(name: string, passphrase?: string): Promise<string>;
    /**
     * The SHA-256 of a file, 64 hex digits. The file is read where it is, piece by piece, and sent nowhere.
     * @param {File} file
     * @param {(done: number) => void} [progress] told how much of it is read, from 0 to 1
     * @returns {Promise<string>}
     */
    digest(file: File, progress?: (done: number) => void): Promise<string>;
    /**
     * Asks the node for a block. What it answers is verified by nobody here.
     * @param {string | number} name a height or a hash
     * @returns {Promise<Block>}
     */
    block(name: string | number): Promise<Block>;
    /**
     * Asks the node for a block, and checks it rule by rule against what this page knows itself.
     * @param {string | number} name a height or a hash
     * @returns {Promise<Trace>}
     */
    trace(name: string | number): Promise<Trace>;
    /**
     * Asks the node for a message and its place. What it answers is verified by nobody here.
     * @param {string} id
     * @returns {Promise<Placed>}
     */
    message(id: string): Promise<Placed>;
    /**
     * Asks the node what a key signed and what is written to it. What it answers is verified by nobody here.
     * @param {string} key 66 hex digits
     * @param {number} [to] the block to look from, downwards; without it, the newest
     * @returns {Promise<Traces>}
     */
    traces(key: string, to?: number): Promise<Traces>;
    /**
     * Asks the node for a message's proof file: it shows to anybody, offline, that the message is in the ledger.
     * @param {string} id
     * @returns {Promise<Blob>}
     */
    proof(id: string): Promise<Blob>;
    /**
     * Verifies a proof file here, with or without a connection. The error's message says what is wrong with a broken file.
     * The verdict says whether the file's block is in the chain that was verified here.
     * @param {Blob} file
     * @returns {Promise<Verdict>}
     */
    verify(file: Blob): Promise<Verdict>;
    /**
     * Asks the node how the network looks from it.
     * @returns {Promise<Graph>}
     */
    graph(): Promise<Graph>;
    /**
     * Asks the node whom it is connected to.
     * @returns {Promise<NodePeer[]>}
     */
    nodePeers(): Promise<NodePeer[]>;
    /** Stops the node and all its miners. */
    close(): void;
}
export {};
