/**
 * Finds an element that the page certainly has.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector
 * @returns {T}
 */
export function element (selector) {
  return /** @type {T} */ (document.querySelector(selector))
}
