/**
 * Names as people say them against the names of a home: how alike they are, and which one is meant.
 *
 * Whole numbers only, so that every language finds the same: "Names" in mobile/contract/README.md is the definition.
 */

// Percent, percent, how many; "living room" and "dining room" are 81 alike.
export const ACCEPT = 85;
export const SUGGEST = 50;
export const SUGGESTIONS = 3;

/** A name without case, accents, punctuation and superfluous spaces. @param {string} text */
export function key(text) {
  const letters = Array.from(text.normalize("NFD").replace(/\p{Mn}/gu, ""), (letter) =>
    /[\p{L}\p{N}\p{M}]/u.test(letter) ? letter.toLowerCase() : " ",
  );
  return letters.join("").split(" ").filter(Boolean).join(" ");
}

/**
 * Optimal string alignment: a letter put in, left out or replaced, or two neighbours swapped, cost 1 each.
 *
 * Also called restricted Damerau-Levenshtein distance: no part is edited twice.
 * @param {string} left
 * @param {string} right
 */
export function distance(left, right) {
  const [a, b] = [Array.from(left), Array.from(right)];
  /** @type {number[]} */
  let earlier = [];
  let above = [0, ...b.map((_, j) => j + 1)];
  a.forEach((letter, i) => {
    const row = [i + 1];
    b.forEach((other, j) => {
      const cost = Math.min(above[j + 1] + 1, row[j] + 1, above[j] + Number(letter !== other));
      const swapped = i > 0 && j > 0 && letter === b[j - 1] && a[i - 1] === other;
      row.push(swapped ? Math.min(cost, earlier[j - 1] + 1) : cost);
    });
    [earlier, above] = [above, row];
  });
  return above[b.length];
}

/** How alike two keys are, 0 to 100; 0 where one is empty. @param {string} a @param {string} b */
export function percent(a, b) {
  const longer = Math.max(lengthOf(a), lengthOf(b));
  return a && b ? Math.floor((100 * (longer - distance(a, b))) / longer) : 0;
}

/** A thing of the home: its name, and the keys of the name and of its aliases. @typedef {{name: string, keys: string[]}} Entry */

/**
 * The entry that is meant by `said`: `name`, or where that is unclear suggestions (none: nothing is similar).
 * @param {string} said
 * @param {readonly Entry[]} entries
 * @returns {{name: string | null, suggestions: string[]}}
 */
export function find(said, entries) {
  const wanted = key(said);
  const same = entries.filter((entry) => wanted && entry.keys.includes(wanted)).map((entry) => entry.name);
  if (same.length) {
    return same.length === 1
      ? { name: same[0], suggestions: [] }
      : { name: null, suggestions: same.slice(0, SUGGESTIONS) };
  }
  const ranked = entries.map((entry) => ({ entry, ...closest(wanted, entry) })).sort((a, b) => b.share - a.share);
  const [best, second] = ranked;
  if (best?.share >= ACCEPT && !(second?.share >= best.share) && digits(best.own) === digits(wanted)) {
    return { name: best.entry.name, suggestions: [] };
  }
  const similar = ranked.filter(({ share }) => share >= SUGGEST).slice(0, SUGGESTIONS);
  return { name: null, suggestions: similar.map(({ entry }) => entry.name) };
}

/** The most similar of an entry's keys, the first of equals. @param {string} wanted @param {Entry} entry */
function closest(wanted, entry) {
  const shares = entry.keys.map((own) => (mayBeAlike(wanted, own) ? percent(wanted, own) : 0));
  const share = Math.max(...shares);
  return { share, own: entry.keys[shares.indexOf(share)] };
}

/**
 * The distance is at least the difference of the lengths: saves the table for a text of thousands of letters.
 * @param {string} a
 * @param {string} b
 */
function mayBeAlike(a, b) {
  const [shorter, longer] = [lengthOf(a), lengthOf(b)].sort((one, other) => one - other);
  return Math.floor((100 * shorter) / Math.max(longer, 1)) >= SUGGEST;
}

/** @param {string} text */
function digits(text) {
  return (text.match(/\p{Nd}/gu) ?? []).join("");
}

/** Code points. @param {string} text */
export function lengthOf(text) {
  return Array.from(text).length;
}
