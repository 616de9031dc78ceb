/** The base path and the links below it. */
import { linksBelow } from "../rules/routes.js";

/** The base path with a trailing slash, as the server wrote it into the page. */
export const base = document.querySelector('meta[name="base"]')?.getAttribute("content") || "/";

/** Links to the pages: `links.topic("orders")`. */
export const links = linksBelow(base);

/**
 * The address of an API endpoint.
 * @param {string} path below `api/v1/`, with its parts encoded
 * @param {Object<string, string | number | null | undefined>} [parameters] `null` and `undefined` are left out
 */
export function apiUrl(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(name, String(value));
  }
  const text = query.toString();
  return `${base}api/v1/${path}${text ? `?${text}` : ""}`;
}
