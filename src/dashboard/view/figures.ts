import { html, type Html } from './html.ts'
import { renderTable, type Table } from './table.ts'

/** What the page shows of the statistics. */
export interface Figures {
  figures: Array<[name: string, value: string]>
  tables: Table[]
}

export function renderFigures ({ figures, tables }: Figures): Html {
  return html`
<section class="card" aria-label="Figures">
  <dl class="figures">${figures.map(([name, value]) => html`
    <div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>
</section>
${tables.map(renderTable)}
`
}
