/** What src/plugins/views.ts serves from packages. */
declare module '*/vendor/uPlot.esm.js' {
  export { default } from 'uplot'
}
