/**
 * Changes the children of a node to those of another, and leaves equal nodes alone, so that the user's selection and
 * focus survive.
 *
 * @param {Node} target
 * @param {Node} source
 */
export function morph (target, source) {
  const before = [...target.childNodes]
  const after = [...source.childNodes]
  after.forEach((node, i) => {
    const child = before[i]
    if (child === undefined) target.appendChild(node)
    else if (!child.isEqualNode(node)) morphChild(target, child, node)
  })
  for (const node of before.slice(after.length)) target.removeChild(node)
}

/**
 * @param {Node} parent
 * @param {Node} child
 * @param {Node} source
 */
function morphChild (parent, child, source) {
  if (child instanceof Element && haveSameTag(child, source)) morph(child, source)
  else if (child instanceof Text && source instanceof Text) child.data = source.data
  else parent.replaceChild(source, child)
}

/**
 * Whether two elements are equal apart from their children.
 *
 * @param {Element} a
 * @param {Node} b
 */
function haveSameTag (a, b) {
  return a.cloneNode().isEqualNode(b.cloneNode())
}

/**
 * @param {string} html from the dashboard itself, which escapes it
 */
export function parseHtml (html) {
  const template = document.createElement('template')
  template.innerHTML = html
  return template.content
}
