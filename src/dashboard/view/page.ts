import type { Explained, ExplainQuery } from '../explain.ts'
import { renderExplanation } from './explanation.ts'
import { type Figures, renderFigures } from './figures.ts'
import { html, type Html } from './html.ts'

/** What all pages need. */
export interface Frame {
  /** The beginning of the URLs of the dashboard, relative to the page: so it works behind any proxy. */
  readonly base: string
  readonly links: Readonly<Record<string, string>>
}

export interface PageView extends Figures {
  readonly query: ExplainQuery | undefined
  readonly explanation: Explained | undefined
  readonly error: string | undefined
}

/** Renders the page. */
export function renderPage (frame: Frame, { query, explanation, error, ...figures }: PageView): string {
  return renderFrame(frame, html`
<div class="heading">
  <h1>Cache</h1>
  <p class="muted" id="live" role="status">As of when this page was rendered</p>
</div>

<section class="card" id="explain" aria-labelledby="explain-heading">
  <h2 id="explain-heading">Why was it a hit or a miss?</h2>
  <form class="explain-form" method="get" action="#explain"${error && html` aria-describedby="explain-error"`}>
    ${error && html`<p class="error" id="explain-error" role="alert">${error}</p>`}
    <label>
      URL, e.g. /menu
      <input name="url" value="${query?.url}" maxlength="2000" autocomplete="off">
    </label>
    <label>
      or key, e.g. menu:today
      <input name="key" value="${query?.key}" maxlength="1024" autocomplete="off">
    </label>
    <label class="wide">
      Request headers, one per line, e.g. Accept-Language: de
      <textarea name="header" rows="2" maxlength="1000">${query?.header.join('\n')}</textarea>
    </label>
    <button>Explain</button>
  </form>
  ${explanation && renderExplanation(explanation)}
</section>

<section class="card" id="plots" aria-labelledby="plots-heading" hidden>
  <h2 id="plots-heading">Last two minutes</h2>
  <figure>
    <figcaption>
      Cache reads per second
      <ul class="legend"><li class="hit">hits</li><li class="miss">misses</li><li>stale responses</li></ul>
    </figcaption>
    <div class="plot" id="rates" role="img" aria-label="Cache reads per second; see the tables for figures"></div>
  </figure>
  <figure>
    <figcaption>
      Duration in milliseconds: median (solid) and 99th percentile (dashed)
      <ul class="legend"><li class="hit">hits</li><li class="miss">loads</li></ul>
    </figcaption>
    <div class="plot" id="times" role="img" aria-label="Duration of hits and loads; see the tables for figures"></div>
  </figure>
</section>

<div class="stacked" id="figures">
${renderFigures(figures)}
</div>

<script type="module" src="${frame.base}assets/dashboard.js"></script>`)
}

/** Renders an error as a page. */
export function renderError (frame: Frame, error: string, message: string): string {
  return renderFrame(frame, html`
<h1>${error}</h1>
<p>${message}</p>`)
}

function renderFrame ({ base, links }: Frame, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Cache · Larder</title>
  <link rel="icon" href="${base}assets/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="${base}assets/dashboard.css">
  <link rel="stylesheet" href="${base}assets/vendor/uPlot.min.css">
</head>
<body>
  <a class="skip" href="#main">Skip to content</a>
  <header>
    <span class="brand">Larder</span>
    ${Object.keys(links).length > 0 && html`<nav aria-label="Main">
      <ul>${Object.entries(links).map(([text, url]) => html`
        <li><a href="${url}">${text}</a></li>`)}
      </ul>
    </nav>`}
  </header>
  <main id="main" tabindex="-1">${body}
  </main>
  <footer>Figures of this process. All times are in UTC.</footer>
</body>
</html>
`.text
}
