/**
 * An element of the page, which has it.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector
 * @returns {T}
 */
export function element (selector) {
  return /** @type {T} */ (document.querySelector(selector))
}
