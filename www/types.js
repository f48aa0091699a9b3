// @ts-check
/** The types of `client.js`, which exports all of them. There is nothing to load. */
export {};

/**
 * @typedef {{ name: string, id: string, spacing_ms: number }} Network
 *
 * @typedef {object} Peer A node that this one is connected to.
 * @property {string} address
 * @property {'home' | 'nearest' | 'random'} kind `home` is the node that the client was given.
 * @property {number | null} latency_ms
 * @property {'agrees' | 'lags' | 'differs' | null} agreement How its chain stands to ours; null until that is known.
 *
 * @typedef {object} ChainProof What showed this tab the work of a chain whose headers it does not have.
 * @property {number} height Up to which block.
 * @property {number} samples How many points of the work were shown.
 * @property {number} bytes
 *
 * @typedef {object} State How the node stands.
 * @property {'connecting' | 'syncing' | 'live' | 'offline'} phase
 * @property {string} node The URL of the node to connect to.
 * @property {Network | null} network Null until it is known.
 * @property {number} height
 * @property {string | null} tip
 * @property {number | null} tip_unix_ms When the tip was mined, by its miner's clock.
 * @property {number | null} interval_ms The mean time between the newest blocks.
 * @property {string | null} network_hash_rate What it took to find them, hashes a second: a decimal number.
 * @property {ChainProof | null} proof If the chain was begun with one, in this tab.
 * @property {number} target The height that is aimed at while syncing.
 * @property {string} total_work A decimal number.
 * @property {boolean} young Whether the chain is young, so that its work counts for less.
 * @property {string} difficulty The expected hashes of the next block, a decimal number.
 * @property {Peer[]} peers The nodes that it is connected to, without those that are only being measured.
 * @property {number} pool How many messages wait.
 * @property {string | null} trouble Why the last connection was lost or refused.
 * @property {number | null} retry_unix_ms When the next attempt to connect is made.
 * @property {boolean} kept Whether the chain outlives a reload of this page.
 * @property {number} recipient_bytes_max
 * @property {number} text_bytes_max
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} sender
 * @property {string} recipient
 * @property {string} text
 * @property {string} timeStamp
 * @property {number} time_unix_ms
 * @property {string} stamp
 * @property {string} signature
 * @property {string} message
 *
 * @typedef {Message & { pending: boolean, number_of_block: number | null, block: string | null, work_above: string | null }} Placed
 *   A message and where it is: `work_above` is the work of its block and of all above, a decimal number.
 *
 * @typedef {object} Block The fields that a block's header and body have, under the names of the JSON API.
 * @property {string} hash
 * @property {string} prev_hash
 * @property {number} number_of_block
 * @property {string} timeStamp
 * @property {number} time_unix_ms
 * @property {number} version
 * @property {string} nonce
 * @property {string} extra
 * @property {string} bits
 * @property {string} content_root
 * @property {string} proof_of_work
 * @property {string} total_work
 * @property {string} author
 * @property {string} signature
 * @property {string} message
 * @property {Message[]} messages
 *
 * @typedef {object} Arrival A block that arrived, and what this node thinks of it.
 * @property {string} hash
 * @property {number} number_of_block
 * @property {'valid' | 'undone' | 'refused'} verdict
 * @property {{ flag: string, reason: string }[]} failures Every rule that it breaks.
 * @property {number} seen_unix_ms
 * @property {boolean} mined_here
 * @property {number} messages_total
 * @property {Block | null} block With the first of its messages; null for a refused one.
 *
 * @typedef {object} Letter A message that was sent from here.
 * @property {string} id
 * @property {string} recipient
 * @property {string} text
 * @property {number} time_unix_ms
 * @property {'pending' | 'in-block' | 'expired' | 'dropped'} state
 * @property {number | null} number_of_block
 * @property {string | null} block
 *
 * @typedef {object} Traces What was found of a key in a stretch of the chain, the newest first.
 * @property {string} key
 * @property {number} from The lowest block that was looked through,
 * @property {number} to and the highest.
 * @property {number} pool_searched How many of the mempool's messages were looked at; 0 if a height was named.
 * @property {Message[]} pending Those of them that wait for a block.
 * @property {Placed[]} messages
 * @property {{ number_of_block: number, block: string, time_unix_ms: number }[]} blocks
 *
 * @typedef {object} Verdict The facts that a proof file shows, and how much they are worth.
 * @property {'valid' | 'too-weak' | 'replaced' | 'not-compared'} verdict Only a `valid` file proves its message: this
 *   page's own chain has its block, or its chain has the work that this program knows. The parts of the others fit together.
 * @property {string} title The verdict, for people.
 * @property {string | null} reason The meaning of a verdict that is not `valid`, for people.
 * @property {Message} message
 * @property {string} block
 * @property {number} number_of_block
 * @property {number} time_unix_ms The miner's claim. It may be any time after that of the block below.
 * @property {number} parent_time_unix_ms The time of the block below.
 * @property {number} clock_unix_ms The local clock at the check. No block of the chain is over a minute ahead of it.
 * @property {string} author
 * @property {string} work The work that protects it, of its block and those above: a decimal number.
 * @property {string} work_time The time that a graphics processor takes for it, for people.
 * @property {number} blocks The number of these blocks.
 * @property {number} height
 * @property {string} tip
 * @property {string} total_work
 * @property {boolean} solitary Whether nobody but the maker of the chain need have mined it.
 * @property {boolean} young Whether the chain is young, so that its work counts for less.
 * @property {string} network As it calls itself.
 * @property {string} network_id
 * @property {boolean} built_in Whether the network is one that this program knows by itself.
 *
 * @typedef {object} Graph The network as a node sees it, laid out in a square whose side is 1, the node in the middle.
 * @property {string} own The node's key.
 * @property {number} nodes_in_all
 * @property {{ key: string, distance_ms: number | null, x: number, y: number, weak: boolean }[]} nodes
 * @property {{ a: string, b: string, rtt_ms: number, tree: boolean, bridge: boolean, own: boolean }[]} links
 * @property {{ radius: number, after_ms: number }[]} rings
 * @property {{ key: string, distance_ms: number }[]} nearest
 * @property {number[]} levels How many nodes are so many links away.
 * @property {number} diameter_ms
 * @property {number} cut_off
 * @property {number} weak_points
 * @property {number} bridges
 *
 * @typedef {object} NodePeer A peer of the node that the client was given.
 * @property {string | null} key
 * @property {'full' | 'light' | null} role
 * @property {string | null} outbound Where it was dialled; else it dialled.
 * @property {'nearest' | 'graph' | 'random' | 'feeler' | null} slot Why the node dialled it, if the node chose it.
 * @property {number | null} latency_ms
 *
 * @typedef {object} Step
 * @property {string} rule
 * @property {string} expected
 * @property {string} found
 * @property {'kept' | 'broken' | 'open'} finding `open`: this page does not know the value to compare it with.
 *
 * @typedef {object} Trace What came of checking a block.
 * @property {Block} block As it was checked; its `total_work` is 0 where this page does not know it.
 * @property {'chain' | 'fork' | 'below' | 'unknown'} place Where this page knows it to be.
 * @property {Step[]} steps
 *
 * @typedef {object} Mining How the miners stand.
 * @property {boolean} wanted
 * @property {boolean} active
 * @property {string | null} waiting Why nothing is searched although it is wanted.
 * @property {number} threads
 * @property {number} percent The part of the time that each thread works.
 * @property {boolean} pauses_hidden Whether nothing is searched while the page is hidden,
 * @property {boolean} pauses_on_battery and while the machine lives on its battery.
 * @property {number} hash_rate Hashes a second.
 * @property {number | null} expected_ms
 * @property {number} found
 *
 * @typedef {object} Key One of the person's keys.
 * @property {string} name
 * @property {string | null} public Null of one that cannot be read.
 * @property {'locked' | 'unlocked' | 'clear' | 'tab' | 'damaged'} state `clear` was stored unencrypted by an earlier version, `tab`
 *   lives in this tab alone.
 * @property {boolean} chosen Whether it is the one that signs.
 *
 * @typedef {object} Draft A key that is being made: it is used once `confirm` resolves, to its public key.
 * @property {string[]} words Its 24 words, to be written down.
 * @property {number[]} places The places, from 1, of three words that `confirm` asks for.
 * @property {(words: string[], name: string, passphrase: string | null) => Promise<string>} confirm
 *
 * @typedef {object} Tip The end of a branch.
 * @property {number} number_of_block
 * @property {string} hash
 * @property {string} total_work
 *
 * @typedef {object} Reorg The chain of this page was left for another with more work.
 * @property {string} hash That of the tip that was undone.
 * @property {number} fork The last block that is known to be on both branches.
 * @property {boolean} is_exact Whether the branches are known to part right above it.
 * @property {number} blocks How many blocks are known to be undone.
 * @property {Tip} undone
 * @property {Tip} holds The tip when this node had caught up.
 * @property {number} seen_unix_ms
 * @property {{ height: number, undone: string | null, holds: string | null }[]} pairs What both branches have right above the fork
 *   and at the height of each tip; null is not known, or not there.
 *
 * @typedef {{ bad: boolean, text: string }} Notice
 *
 * @typedef {object} Details What events carry in their `detail`, by their names.
 * @property {State} state
 * @property {Arrival} block
 * @property {string} block-gone A hash.
 * @property {Reorg} reorg
 * @property {string} reorg-gone A hash.
 * @property {Letter} sent
 * @property {string} sent-gone An id.
 * @property {Mining} mining
 * @property {number} stamping How far the search for a message's stamp is, from 0; at 1 it may still take a while.
 * @property {{ name: string, vectors: boolean }} kernel What searches.
 * @property {Key[]} keys
 * @property {{ ahead_ms: number }} clock How far this machine's clock is ahead of the node's, whenever it connected: of one that is off by
 *   a minute, neither messages nor blocks are taken.
 * @property {Notice} notice
 * @property {null} gpu-lost
 *
 * @typedef {{ addEventListener<Name extends keyof Details>(name: Name, listener: (event: CustomEvent<Details[Name]>) => void,
 *   options?: boolean | AddEventListenerOptions): void } & EventTarget} Speaker
 */
