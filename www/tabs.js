// @ts-check
/**
 * One node for all tabs of an origin. The tab that holds the lock has the node, the others ask that tab; when it closes, the browser
 * gives the lock to the next, which starts the node from what is stored. All of it travels between pages of one origin, inside the browser.
 */

/** What ends which updates. @type {Record<string, string | undefined>} */
const ENDS = { 'block-gone': 'block', 'reorg-gone': 'reorg', 'sent-gone': 'sent' };
/** What is news to those alone who are there. */
const PASSING = ['notice', 'gpu-lost', 'stamping'];

/**
 * @typedef {object} Node What the tab that has the node does with it.
 * @property {() => Promise<void>} start
 * @property {(method: string, args: any[], from: string) => Promise<any>} answer
 * @property {(updates: string[]) => void} show Shows updates to this tab's page.
 */

export class Tabs {
  #id = String(Math.random());
  #node;
  /** Without a channel this tab is alone. @type {BroadcastChannel | undefined} */
  #channel;
  #leads = false;
  /** Until then there is nobody to ask. */
  #begun = Promise.resolve();
  #asked = 0;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  /** The newest update of each thing: as many as the node shows, which are few. @type {Map<string, string>} */
  #updates = new Map();

  /** @param {Node} node */
  constructor(node) {
    this.#node = node;
  }

  /**
   * Resolves as soon as this tab has the node or knows of the one that has.
   * @param {string | null} name of what is shared; null: this tab shares nothing
   * @returns {Promise<void>}
   */
  start(name) {
    // Without locks (a page that is not secure) nobody knows who is first.
    if (name === null || !navigator.locks) {
      this.#leads = true;
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
        this.#lead();
        await this.#node.start();
        resolve();
        return new Promise(() => {});
      }).catch((error) => {
        this.#leads = false;
        reject(error);
      });
      channel.postMessage({ hello: this.#id });
    });
    return this.#begun;
  }

  #lead() {
    this.#leads = true;
    this.#refuse();
    this.#channel?.postMessage({ leads: true });
  }

  /** Whoever was asked is gone. */
  #refuse() {
    for (const { reject } of this.#waiting.values()) reject(new Error('The tab that ran the node was closed. Try again'));
    this.#waiting.clear();
  }

  /**
   * Has the node do something, wherever it is.
   * @param {string} method
   * @param {any[]} args
   * @returns {Promise<any>}
   */
  async ask(method, args) {
    await this.#begun;
    if (this.#leads) return this.#node.answer(method, args, this.#id);
    const ask = ++this.#asked;
    this.#channel?.postMessage({ from: this.#id, ask, method, args });
    return new Promise((resolve, reject) => this.#waiting.set(ask, { resolve, reject }));
  }

  /** Tells all tabs what the node says. @param {string} update */
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
    if (this.#leads) {
      const answer = (/** @type {object} */ rest) => this.#channel?.postMessage({ to: hello ?? from, ask, ...rest });
      if (hello) answer({ updates: [...this.#updates.values()] });
      if (method) this.#node.answer(method, args, from).then((value) => answer({ value }), (error) => answer({ error: error?.message ?? String(error) }));
    } else if (update) {
      this.#node.show([update]);
    } else if (leads) {
      this.#refuse();
    } else if (to === this.#id && updates) {
      // At once, so that the page is drawn once.
      this.#node.show(updates);
    } else if (to === this.#id) {
      const waiting = this.#waiting.get(ask);
      this.#waiting.delete(ask);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    }
  }
}
