/**
 * Makes an element look like another, and touches nothing that is the same already: what somebody has selected, opened
 * or is reading stays.
 *
 * @param {Node} old
 * @param {Node} wanted
 */
export function morph (old, wanted) {
  const before = [...old.childNodes]
  const after = [...wanted.childNodes]
  after.forEach((node, i) => {
    const place = before[i]
    if (place === undefined) old.appendChild(node)
    else if (place.isEqualNode(node)) { /* as it is */ } else if (place instanceof Element && sameShell(place, node)) morph(place, node)
    else if (place instanceof Text && node instanceof Text) place.data = node.data
    else old.replaceChild(node, place)
  })
  for (const node of before.slice(after.length)) old.removeChild(node)
}

/**
 * @param {Element} a
 * @param {Node} b
 */
function sameShell (a, b) {
  return a.cloneNode().isEqualNode(b.cloneNode())
}

/**
 * @param {string} html of our own service, which escapes
 */
export function parsed (html) {
  const template = document.createElement('template')
  template.innerHTML = html
  return template.content
}
