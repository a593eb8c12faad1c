/** The page's elements, by their ids. A missing one is a mistake in the page, told at once. */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return /** @type {T} */ (found);
}
