/** How numbers, times and sizes read. Pure; every function gives `UNKNOWN` for `null`, so that no data never looks like 0. */

/** What stands for a value that is not known. */
export const UNKNOWN = "–";

const INTEGER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const ONE_DECIMAL = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const TWO_DECIMALS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** @param {unknown} value @returns {value is number} */
export function isKnown(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/**
 * `1,234,567`
 * @param {number | null | undefined} value
 */
export function integer(value) {
  return isKnown(value) ? INTEGER.format(value) : UNKNOWN;
}

/**
 * Short, for cells with little room: `999`, `1.2k`, `34M`.
 * @param {number | null | undefined} value
 */
export function compact(value) {
  if (!isKnown(value)) return UNKNOWN;
  const units = ["", "k", "M", "G", "T"];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  if (unit === 0) return INTEGER.format(scaled);
  return (Math.abs(scaled) < 9.95 ? ONE_DECIMAL : INTEGER).format(scaled) + units[unit];
}

/**
 * A rate per second: `0/s`, `0.25/s`, `12.5/s`, `1,234/s`. More than nothing never reads as 0.
 * @param {number | null | undefined} value
 */
export function rate(value) {
  if (!isKnown(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return value > 0 ? "<0.01/s" : "−<0.01/s";
  const format = size < 10 ? TWO_DECIMALS : size < 100 ? ONE_DECIMAL : INTEGER;
  return `${format.format(value)}/s`;
}

/**
 * An exact duration from nanoseconds, as NSQ's tools write it: `1h2m3.5s`, `159.29ms`, `0ns`.
 * @param {number | null | undefined} nanoseconds
 */
export function duration(nanoseconds) {
  if (!isKnown(nanoseconds)) return UNKNOWN;
  for (const [unit, size, next] of [
    ["ns", 1, 1e3],
    ["us", 1e3, 1e6],
    ["ms", 1e6, 1e9],
  ]) {
    const scaled = Number((nanoseconds / size).toFixed(2));
    if (scaled * size < next) return `${scaled}${unit}`;
  }
  const hundredths = Math.round(nanoseconds / 1e7);
  const hours = Math.floor(hundredths / 360_000);
  const minutes = Math.floor((hundredths % 360_000) / 6_000);
  const seconds = (hundredths % 6_000) / 100;
  return `${hours ? `${hours}h` : ""}${hours || minutes ? `${minutes}m` : ""}${seconds}s`;
}

const SPANS = [
  ["d", 86_400, "h", 3_600],
  ["h", 3_600, "min", 60],
  ["min", 60, "s", 1],
];

/**
 * About how long, in at most two units: `45 s`, `12 min`, `3 h 20 min`, `4 d 1 h`. Seconds are shown below 10 minutes only.
 * @param {number | null | undefined} seconds
 */
export function span(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  const whole = Math.round(seconds);
  if (whole >= 366 * 86_400) return "over a year";
  for (const [unit, size, smallUnit, smallSize] of SPANS) {
    if (whole < size) continue;
    const big = Math.floor(whole / size);
    const small = Math.floor((whole % size) / smallSize);
    const shown = small > 0 && (unit !== "min" || big < 10);
    return `${big} ${unit}${shown ? ` ${small} ${smallUnit}` : ""}`;
  }
  return `${whole} s`;
}

/**
 * How long ago a time was: `just now`, `12 min ago`.
 * @param {number | null | undefined} at ms since the epoch
 * @param {number} now ms since the epoch
 */
export function ago(at, now) {
  if (!isKnown(at)) return UNKNOWN;
  const seconds = (now - at) / 1000;
  return seconds < 1.5 ? "just now" : `${span(seconds)} ago`;
}

/**
 * `0 B`, `512 B`, `1.5 KiB`, `230 MiB`
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (!isKnown(value)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1023.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${(unit > 0 && scaled < 99.95 ? ONE_DECIMAL : INTEGER).format(scaled)} ${units[unit]}`;
}

/**
 * The name of a quantile: 0.99 is `99th`, 0.999 is `99.9th`, 0.11 is `11th`, 0.5 is `50th`.
 * @param {number} quantile
 */
export function percentile(quantile) {
  const hundredths = Number((quantile * 100).toFixed(4));
  if (!Number.isInteger(hundredths)) return `${hundredths}th`;
  const teens = hundredths % 100 >= 11 && hundredths % 100 <= 13;
  const suffix = teens ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[hundredths % 10] ?? "th");
  return `${hundredths}${suffix}`;
}

/**
 * The time of day in 24 hours, local: `14:05:09`.
 * @param {number | null | undefined} at ms since the epoch
 */
export function clock(at) {
  return isKnown(at) ? new Date(at).toLocaleTimeString("en-GB") : UNKNOWN;
}

/**
 * Date and time, local: `2026-11-26 14:05:09`.
 * @param {number | null | undefined} at ms since the epoch
 */
export function dateTime(at) {
  return isKnown(at) ? new Date(at).toLocaleString("sv-SE") : UNKNOWN;
}

/**
 * A count with its noun: `1 node`, `2 nodes`, `1,200 messages`, `– nodes`.
 * @param {number | null | undefined} count
 * @param {string} singular
 * @param {string} [plural]
 */
export function counted(count, singular, plural = `${singular}s`) {
  return `${integer(count)} ${count === 1 ? singular : plural}`;
}
