/**
 * The main figures of a page, side by side. The same tiles stay while their values change.
 *
 *   const tiles = createTiles([
 *     { label: "Depth", value: (data) => integer(data.totals.depth), note: (data) => "12 on disk", title: "Messages that wait" },
 *   ]);
 *   tiles.update(data);
 */
import { h, replace, setText, spoken } from "../core/dom.js";
import { UNKNOWN } from "../rules/format.js";

/**
 * @param {{label: string, value: (data: any) => string, note?: (data: any) => string, title?: string, attention?: (data: any) => boolean}[]} definitions
 */
export function createTiles(definitions) {
  const tiles = definitions.map(createTile);
  return {
    element: h(
      "dl.tiles",
      tiles.map((tile) => tile.element),
    ),
    /** @param {any} data given to each tile's functions */
    update(data) {
      for (const tile of tiles) tile.update(data);
    },
  };
}

function createTile({ label, value, note, title, attention }) {
  const shown = h("dd.tile-value");
  const small = note ? h("dd.tile-note") : null;
  const element = h("div.tile", { title }, h("dt", label), shown, small);
  return {
    element,
    update(data) {
      const text = value(data);
      showValue(shown, text);
      element.classList.toggle("attention", attention?.(data) ?? false);
      if (small) setText(small, note(data));
    },
  };
}

function showValue(element, text) {
  const unknown = text === UNKNOWN;
  element.classList.toggle("quiet", unknown);
  if (!unknown) setText(element, text);
  else if (!element.querySelector(".spoken")) replace(element, h("span", { "aria-hidden": "true" }, UNKNOWN), spoken("unknown"));
}
