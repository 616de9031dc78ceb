/** Which path is which page: pure, so that node can test it. */

/** Patterns below the base path; a part with `:` is a parameter. The name is also that of the module in `pages/`. */
const ROUTES = Object.entries({
  overview: "",
  topics: "topics",
  topic: "topics/:topic",
  channel: "topics/:topic/:channel",
  nodes: "nodes",
  node: "nodes/:node",
  registries: "registries",
  counter: "counter",
  lookup: "lookup",
  tail: "tail/:topic",
  audit: "audit",
}).map(([name, pattern]) => ({ name, parts: pattern.split("/").filter(Boolean) }));

/**
 * A name as one part of a path. The names `.` and `..` are legal topics, but browsers take them for folders even when they
 * are percent-encoded, so they are encoded twice; `%` itself is in no legal name.
 * @param {string} name
 * @returns {string}
 */
export function encodePart(name) {
  if (/^\.{1,2}$/.test(name)) return name.replaceAll(".", "%252E");
  return encodeURIComponent(name).replaceAll("%3A", ":");
}

/**
 * The name in a part of a path; what is not valid percent-encoding is taken as it is.
 * @param {string} part
 * @returns {string}
 */
export function decodePart(part) {
  try {
    const name = decodeURIComponent(part);
    return /^(%2E){1,2}$/i.test(name) ? decodeURIComponent(name) : name;
  } catch {
    return part;
  }
}

/**
 * The page at a path.
 * @param {string} path as in `location.pathname`
 * @param {string} base with a trailing slash
 * @returns {{name: string, params: Object<string, string>} | null} `null` when no page is there
 */
export function matchPath(path, base) {
  const inside = path.startsWith(base) ? path.slice(base.length) : `${path}/` === base ? "" : null;
  if (inside === null) return null;
  const parts = inside.split("/").filter(Boolean);
  for (const route of ROUTES) {
    const params = matchParts(route.parts, parts);
    if (params) return { name: route.name, params };
  }
  return null;
}

function matchParts(pattern, parts) {
  if (pattern.length !== parts.length) return null;
  const params = {};
  for (const [i, part] of pattern.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = decodePart(parts[i]);
    else if (part !== parts[i]) return null;
  }
  return params;
}

/**
 * Links to all pages below a base path.
 * @param {string} base with a trailing slash
 */
export function linksBelow(base) {
  const below = (...parts) => base + parts.map(encodePart).join("/");
  return {
    overview: () => (base === "/" ? "/" : base.slice(0, -1)),
    topics: () => below("topics"),
    /** @param {string} topic */
    topic: (topic) => below("topics", topic),
    /** @param {string} topic @param {string} channel */
    channel: (topic, channel) => below("topics", topic, channel),
    nodes: () => below("nodes"),
    /** @param {string} node `host:http_port` */
    node: (node) => below("nodes", node),
    registries: () => below("registries"),
    counter: () => below("counter"),
    lookup: () => below("lookup"),
    /** @param {string} topic */
    tail: (topic) => below("tail", topic),
    audit: () => below("audit"),
  };
}
