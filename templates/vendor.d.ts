/** What the service and the dashboard serve from packages. */
declare module '*/uPlot.esm.js' {
  export { default } from 'uplot'
}
