// @ts-check
/** The display formats of numbers, times and hashes. */

const whole = new Intl.NumberFormat('en');

/** @param {number} number */
export function count(number) {
  return whole.format(number);
}

/**
 * Returns a large number with three digits and a unit, such as 1.05 M.
 * @param {number} number
 */
export function short(number) {
  const units = ['', ' k', ' M', ' G', ' T', ' P', ' E'];
  let unit = 0;
  while (number >= 999.5 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  return number >= 999.5 ? number.toExponential(1) : number.toFixed(digits) + units[unit];
}

/** @param {number} hashes per second */
export function hashRate(hashes) {
  return `${short(hashes)}H/s`.replace(/(\d)H/, '$1 H');
}

/**
 * Returns a duration in one unit, such as 40 s or 3 h.
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 1) return 'under 1 s';
  /** @type {[number, string][]} */
  const units = [[31_557_600, 'y'], [86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']];
  const [size, name] = units.find(([size]) => seconds >= size * (size === 1 ? 1 : 1.5)) ?? units[4];
  return `${count(Math.round(seconds / size))} ${name}`;
}

/** @param {number} unix_ms */
export function age(unix_ms) {
  const ms = Date.now() - unix_ms;
  return ms < 1000 ? 'now' : `${duration(ms)} ago`;
}

/**
 * Returns the beginning and end of a key or id.
 * @param {string} hex
 */
export function abbreviated(hex) {
  return `${hex.slice(0, 6)}…${hex.slice(-4)}`;
}

/** @param {string} text */
export function bytes(text) {
  return new TextEncoder().encode(text).length;
}
