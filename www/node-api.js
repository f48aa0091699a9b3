// @ts-check
/** The HTTP API of a node. Its answers are not verified here. */

export class NodeApi {
  #url;

  /** @param {string} node the URL of a node: http(s), ws(s), with or without `/p2p` */
  constructor(node) {
    const url = node.includes('://') ? node : `ws://${node}`;
    this.#url = `${url.replace(/^ws/, 'http').replace(/\/$/, '').replace(/\/p2p$/, '')}/api/v1`;
  }

  /** @param {string} path @returns {Promise<any>} */
  async json(path) {
    const response = await this.#fetch(path, 'application/json');
    return response.json().catch(() => Promise.reject(new Error('The node’s answer is not JSON.')));
  }

  /** Returns a response whose body is in the binary format. @param {string} path */
  binary(path) {
    return this.#fetch(path, 'application/octet-stream');
  }

  /** Returns how far this machine's clock is ahead of the node's, milliseconds. Returns `null` if that is unknown. */
  async clockAheadMs() {
    const begun = Date.now();
    const response = await fetch(`${this.#url}/network`, { cache: 'no-store' }).catch(() => null);
    const date = Date.parse(response?.headers.get('date') ?? '');
    // The node's date is rounded down to whole seconds.
    return date ? (begun + Date.now()) / 2 - date - 500 : null;
  }

  /** @param {string} path @param {string} accept */
  async #fetch(path, accept) {
    const response = await fetch(`${this.#url}/${path}`, { headers: { accept } }).catch(() => null);
    if (!response) throw new Error('The node cannot be reached.');
    if (response.ok) return response;
    const answer = await response.json().catch(() => null);
    throw new Error(answer?.error?.message ?? `The node returned status ${response.status}.`);
  }
}
