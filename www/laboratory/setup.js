// @ts-check
/**
 * The setup of a simulation. The form's fields, the address's query and the command line use the same names.
 * All are converted to the setup that the simulator takes.
 */

/** @typedef {Record<string, string>} Flags A value for each of the form's fields. */

/** The form's fields for the kind and share of Byzantine nodes. On the command line they are one flag. */
const [KIND, SHARE] = ['byzantine', 'share'];
/** The simulator's defaults that differ from the form's first values. */
const DEFAULT = { nodes: '1000' };

/**
 * Returns the values of a form.
 * @param {HTMLFormElement} form
 * @returns {Flags}
 */
export function flagsOf(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}

/**
 * Fills a form with the values of a query. Unknown names are ignored.
 * @param {HTMLFormElement} form
 * @param {URLSearchParams} query
 */
export function fill(form, query) {
  for (const [name, value] of withFaults(query)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement) field.value = value;
    // A query may name a choice that the form does not offer. Its value is checked like any other.
    if (field instanceof HTMLSelectElement) {
      if (![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
      field.value = value;
    }
  }
}

/** @param {URLSearchParams} query @returns {[string, string][]} */
function withFaults(query) {
  const pairs = [...query].filter(([name]) => name !== 'faults');
  const [kind, share] = (query.get('faults') ?? '').split('=');
  return share ? [...pairs, [KIND, kind], [SHARE, share.replace('%', '')]] : pairs;
}

/**
 * Returns the flags that differ from the defaults, with their names on the command line.
 * @param {Flags} flags
 * @param {HTMLFormElement} form whose first values are the defaults
 * @returns {[string, string][]}
 */
function told(flags, form) {
  const first = (/** @type {string} */ name) => {
    const field = form.elements.namedItem(name);
    return field instanceof HTMLInputElement ? field.defaultValue : field instanceof HTMLSelectElement ? field.options[0].value : '';
  };
  const { [KIND]: kind, [SHARE]: share, ...plain } = flags;
  const pairs = Object.entries(plain).filter(([name, value]) => name === 'seed' || value !== ({ ...DEFAULT }[name] ?? first(name)));
  return [...pairs, ...(kind ? /** @type {[string, string][]} */ ([['faults', `${kind}=${share}%`]]) : [])];
}

/** @param {Flags} flags @param {HTMLFormElement} form */
export function queryOf(flags, form) {
  return `?${told(flags, form).map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2C', ',')}`).join('&')}`;
}

/** @param {Flags} flags @param {HTMLFormElement} form */
export function commandOf(flags, form) {
  return ['plexus simulate', ...told(flags, form).map(([name, value]) => `--${name} ${value}${name === 'loss' ? '%' : ''}`)].join(' ');
}

/**
 * Returns the setup that the simulator takes, as JSON. The simulator itself rejects numbers that it cannot simulate.
 * @param {Flags} flags
 * @throws {Error} if a number is needed and the value is not a number
 */
export function setupOf(flags) {
  const number = (/** @type {string} */ name, text = flags[name], times = 1) => {
    const value = Math.round(Number((text ?? '').replace('%', '')) * times);
    if (!text || !Number.isSafeInteger(value)) throw new Error(`${name}: "${text}" is not a number`);
    return value;
  };
  const parts = (/** @type {string} */ name, /** @type {Record<string, number>} */ fields) => {
    if (!flags[name]) return null;
    const texts = flags[name].split(',');
    return Object.fromEntries(Object.entries(fields).map(([field, times], place) => [field, number(name, texts[place] ?? '', times)]));
  };
  return JSON.stringify({
    nodes: number('nodes'),
    topology: flags.topology,
    latency: flags.latency,
    seed: number('seed'),
    blocks: number('blocks'),
    spacing_ms: number('spacing-ms'),
    body_bytes: number('body-bytes'),
    faults: {
      loss_ppm: number('loss', flags.loss, 10_000),
      churn: parts('churn', { up_ms: 1000, down_ms: 1000 }),
      partition: parts('partition', { every_ms: 1000, lasts_ms: 1000, share_per_mille: 10 }),
      crash_every_ms: number('crashes', flags.crashes, 1000),
      traitors: flags[KIND] ? [{ treason: flags[KIND], share_per_mille: number(SHARE, flags[SHARE], 10) }] : [],
    },
  });
}
