/** Colours of the style sheets as plain values, for what is painted on a canvas. */

const probe = document.createElement("span");
probe.hidden = true;

/**
 * The value that a custom property has now, in this theme.
 * @param {string} name e.g. `--chart-in`
 * @returns {string} e.g. `rgb(31, 95, 208)`
 */
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/**
 * The same, see-through.
 * @param {string} name
 * @param {number} percent of opacity
 */
export function paleColour(name, percent) {
  return colour(name).replace(/^rgb\((.*)\)$/, `rgba($1, ${percent / 100})`);
}

/**
 * The same as `rrggbb`.
 * @param {string} name
 */
export function hexColour(name) {
  const parts = colour(name).match(/\d+/g).slice(0, 3);
  return parts.map((part) => Number(part).toString(16).padStart(2, "0")).join("");
}
