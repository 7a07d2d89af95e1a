import { html, type Html } from './html.ts'

export interface Table {
  caption: string
  columns: Array<[label: string, type: 'text' | 'number' | 'time']>
  rows: string[][]
  /** The text if there are no rows. */
  empty: string
}

export function renderTable ({ caption, columns, rows, empty }: Table): Html {
  if (rows.length === 0) {
    return html`
<table class="stack">
  <caption>${caption}</caption>
  <tbody><tr><td class="empty">${empty}</td></tr></tbody>
</table>`
  }
  const cell = (text: string, [label, type]: Table['columns'][number]) =>
    html`
      <td class="${type}" data-label="${label}">${text}</td>`
  return html`
<table class="stack">
  <caption>${caption}</caption>
  <thead>
    <tr>${columns.map(([label, type]) => html`
      <th scope="col" class="${type}">${label}</th>`)}
    </tr>
  </thead>
  <tbody>${rows.map(([head = '', ...cells]) => html`
    <tr>
      <th scope="row">${columns[0]![1] === 'time' ? renderTime(head) : head}</th>${
        cells.map((text, i) => cell(text, columns[i + 1]!))}
    </tr>`)}
  </tbody>
</table>`
}

/** @param at ISO 8601, in UTC */
export function renderTime (at: string): Html {
  return html`<time datetime="${at}">${at.slice(0, 19).replace('T', ' ')}</time>`
}
