// @ts-check
/**
 * One node for all tabs of an origin. The tab that holds the lock is the leader: it has the node, and the other
 * tabs ask it. When it closes, the browser gives the lock to the next tab, which starts the node from the stored
 * data. All messages travel between pages of one origin, inside the browser.
 */

/** The updates that end others: their type, and the type that they end. @type {Record<string, string | undefined>} */
const ENDS = { 'block-gone': 'block', 'reorg-gone': 'reorg', 'sent-gone': 'sent' };
/** The types of updates that a tab which opens later does not need. */
const PASSING = ['notice', 'gpu-lost', 'stamping'];

/**
 * @typedef {object} Node The functions of the leader's node, and of each tab's page.
 * @property {() => Promise<void>} start
 * @property {(method: string, args: any[], from: string) => Promise<any>} answer
 * @property {(updates: string[]) => void} show Shows updates to this tab's page.
 */

export class SharedNode {
  #id = String(Math.random());
  #node;
  /** Without a channel this tab is alone. @type {BroadcastChannel | undefined} */
  #channel;
  /** True if this tab has the node. */
  #isLeader = false;
  /** Resolves when there is a leader to ask. */
  #begun = Promise.resolve();
  #asked = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** The newest update of each thing. The node bounds how many things it shows. @type {Map<string, string>} */
  #updates = new Map();

  /** @param {Node} node */
  constructor(node) {
    this.#node = node;
  }

  /**
   * Resolves when this tab is the leader or has heard from the leader.
   * @param {string | null} name the name of the lock and the channel; null: this tab shares nothing
   * @returns {Promise<void>}
   */
  start(name) {
    // Without locks (on an insecure page) no tab knows which is first.
    if (name === null || !navigator.locks) {
      this.#isLeader = true;
      return this.#node.start();
    }
    const channel = new BroadcastChannel(name);
    this.#channel = channel;
    this.#begun = new Promise((resolve, reject) => {
      channel.addEventListener('message', ({ data }) => {
        if (data.to === this.#id && data.updates) resolve();
        this.#received(data);
      });
      navigator.locks.request(name, async () => {
        this.#becomeLeader();
        await this.#node.start();
        resolve();
        return new Promise(() => {});
      }).catch((error) => {
        this.#isLeader = false;
        reject(error);
      });
      channel.postMessage({ hello: this.#id });
    });
    return this.#begun;
  }

  #becomeLeader() {
    this.#isLeader = true;
    this.#refuse();
    // Tabs with an earlier version of the page know this message too.
    this.#channel?.postMessage({ leads: true });
  }

  /** Rejects the pending requests, because the tab that was asked is gone. */
  #refuse() {
    for (const { reject } of this.#waiting.values()) reject(new Error('The tab that ran the node was closed. Try again'));
    this.#waiting.clear();
  }

  /**
   * Calls a method of the node, in this tab or in the leader.
   * @param {string} method
   * @param {any[]} args
   * @returns {Promise<any>}
   */
  async ask(method, args) {
    await this.#begun;
    if (this.#isLeader) return this.#node.answer(method, args, this.#id);
    const ask = ++this.#asked;
    this.#channel?.postMessage({ from: this.#id, ask, method, args });
    return new Promise((resolve, reject) => this.#waiting.set(ask, { resolve, reject }));
  }

  /** Sends an update of the node to all tabs. @param {string} update */
  tell(update) {
    const { type, value } = JSON.parse(update);
    const ended = ENDS[type];
    if (ended) this.#updates.delete(ended + value);
    else if (!PASSING.includes(type)) this.#updates.set(type + (value.hash ?? value.id ?? ''), update);
    this.#node.show([update]);
    this.#channel?.postMessage({ update });
  }

  /** @param {any} data */
  #received({ hello, leads, update, from, to, ask, method, args, updates, value, error }) {
    if (this.#isLeader) {
      const answer = (/** @type {object} */ rest) => this.#channel?.postMessage({ to: hello ?? from, ask, ...rest });
      if (hello) answer({ updates: [...this.#updates.values()] });
      if (method) this.#node.answer(method, args, from).then((value) => answer({ value }), (error) => answer({ error: error?.message ?? String(error) }));
    } else if (update) {
      this.#node.show([update]);
    } else if (leads) {
      this.#refuse();
    } else if (to === this.#id && updates) {
      // All together, so that the page is drawn once.
      this.#node.show(updates);
    } else if (to === this.#id) {
      const waiting = this.#waiting.get(ask);
      this.#waiting.delete(ask);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    }
  }
}
