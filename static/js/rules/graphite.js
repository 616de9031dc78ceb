/** Where Graphite has what NSQ tells statsd, and the address of a picture of it: pure, so that node can test it. */

/**
 * @typedef {object} Graphite as the session tells it
 * @property {string} url what `/render` follows
 * @property {number} interval_s
 * @property {string} prefix with `%s` for the node
 * @property {string} counter_format with `%s` for the key
 * @property {string} gauge_format
 */

/** @typedef {{topic: string, channel?: string, measure: string, kind: "gauge" | "counter"}} Metric */

/** Lengths of time that can be chosen, as Graphite names them. */
export const INTERVALS = ["1h", "2h", "12h", "24h", "48h", "168h"];

/**
 * What to ask Graphite for: the sum over all nodes, counters per second.
 * @param {Graphite} graphite
 * @param {Metric} metric
 */
export function targetOf(graphite, { topic, channel, measure, kind }) {
  const prefix = graphite.prefix.replaceAll("%s", "*");
  const place = channel ? `topic.${clean(topic)}.channel.${clean(channel)}` : `topic.${clean(topic)}`;
  const key = `${prefix}${prefix === "" || prefix.endsWith(".") ? "" : "."}${place}.${measure}`;
  const format = kind === "counter" ? graphite.counter_format : graphite.gauge_format;
  const sum = `sumSeries(${format.replaceAll("%s", () => key)})`;
  const rate = kind === "counter" ? `scale(${sum},${1 / graphite.interval_s})` : sum;
  return `summarize(${rate},"${graphite.interval_s}sec","avg")`;
}

// statsd's own rule for names.
function clean(name) {
  return name
    .replaceAll(" ", "_")
    .replaceAll("/", "-")
    .replace(/[^a-zA-Z0-9\-_.]/g, "");
}

/**
 * The address of a picture.
 * @param {Graphite} graphite
 * @param {Metric} metric
 * @param {{interval: string, width: number, height: number, background: string, text: string, line: string}} look colours as `rrggbb`
 */
export function pictureUrl(graphite, metric, { interval, width, height, background, text, line }) {
  const query = new URLSearchParams({
    target: targetOf(graphite, metric),
    from: `-${interval}`,
    until: "-1min",
    width: String(width),
    height: String(height),
    bgcolor: background,
    fgcolor: text,
    colorList: line,
    hideLegend: "true",
    yMin: "0",
    lineMode: "connected",
    drawNullAsZero: "false",
  });
  return `${graphite.url}/render?${query}`;
}
