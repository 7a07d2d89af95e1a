import { peer, getVersion } from '../peers/peer.ts'

interface Chart {
  setOption (option: object): void
  renderToSVGString (): string
  dispose (): void
}
interface ECharts {
  init (dom: null, theme: null, options: object): Chart
}

const STYLE = { fontFamily: 'system-ui, sans-serif' }

/** Draws a chart as SVG on white. Returns `undefined` if ECharts is not installed in bench/peers. */
export async function chart (option: object, width: number, height: number): Promise<string | undefined> {
  if (getVersion('echarts') === undefined) return undefined
  const { init } = await peer<ECharts>('echarts')
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width, height })
  drawn.setOption({ animation: false, backgroundColor: '#fff', textStyle: STYLE, ...option })
  const svg = drawn.renderToSVGString()
  drawn.dispose()
  return svg
}
