/** Which names fit what was typed best: pure, so that node can test it. */

const WITH_GAPS = 4;

/**
 * The names that have all letters of the text in order, best first: the whole name, its beginning, the beginning of one of its words,
 * somewhere inside; shorter names first among equals. Only when there is none of these, names with gaps are found.
 * @template Entry
 * @param {Entry[]} entries
 * @param {string} text
 * @param {(entry: Entry) => string} name
 * @param {number} most
 * @returns {Entry[]}
 */
export function bestMatches(entries, text, name, most) {
  const wanted = text.trim().toLowerCase();
  const ranked = [];
  for (const entry of entries) {
    const rank = rankOf(name(entry).toLowerCase(), wanted);
    if (rank !== null) ranked.push({ entry, rank, name: name(entry) });
  }
  ranked.sort((a, b) => a.rank - b.rank || (wanted ? a.name.length - b.name.length : 0) || (a.name < b.name ? -1 : 1));
  const close = ranked.filter(({ rank }) => rank < WITH_GAPS);
  return (close.length ? close : ranked).slice(0, most).map(({ entry }) => entry);
}

function rankOf(name, wanted) {
  if (wanted === "") return 0;
  if (name === wanted) return 0;
  const at = name.indexOf(wanted);
  if (at === 0) return 1;
  if (at > 0) return /[a-z0-9]/.test(name[at - 1]) ? 3 : 2;
  return hasInOrder(name, wanted) ? WITH_GAPS : null;
}

function hasInOrder(name, wanted) {
  let at = -1;
  for (const letter of wanted.replace(/\s/g, "")) {
    at = name.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}
