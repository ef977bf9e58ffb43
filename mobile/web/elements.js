/** The page's elements by their ids, and definition lists. */

/** @param {string} id @returns {HTMLElement} */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`index.html has no element #${id}: page and script are of different versions.`);
  }
  return found;
}

/** Fills a <dl> with [name, value] rows. @param {HTMLElement} list @param {[string, string][]} rows */
export function fill(list, rows) {
  list.replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement("div");
      for (const [tag, text] of [["dt", name], ["dd", value]]) {
        row.append(Object.assign(document.createElement(tag), { textContent: text }));
      }
      return row;
    }),
  );
}
