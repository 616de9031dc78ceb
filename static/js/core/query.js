/**
 * A page's state in the query of its address (sorting, filter, chosen measure): it survives a reload and can be sent to others.
 * Changes replace the entry of the history, so that "back" leaves the page.
 */

/** @typedef {ReturnType<typeof openQuery>} Query */

/** The query of the page that is shown now. Once the user has gone elsewhere, its changes are not written any more. */
export function openQuery() {
  const path = location.pathname;
  const values = new URLSearchParams(location.search);
  return {
    /**
     * @param {string} name
     * @returns {string | null}
     */
    get(name) {
      return values.get(name);
    },
    /**
     * @param {string} name
     * @param {string | null} value `null` or empty: take it out of the address
     */
    set(name, value) {
      if (value) values.set(name, value);
      else values.delete(name);
      if (location.pathname !== path) return;
      const text = values.toString();
      history.replaceState(history.state, "", path + (text ? `?${text}` : "") + location.hash);
    },
  };
}
