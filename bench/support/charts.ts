import { peer, versionOf } from '../peers/peer.ts'

interface ECharts {
  init (dom: null, theme: null, options: object): { setOption (option: object): void, renderToSVGString (): string, dispose (): void }
}

const STYLE = { fontFamily: 'system-ui, sans-serif' }

/** An option of ECharts as an SVG on a white ground; undefined where it is not installed in bench/peers. */
export async function chart (option: object, width: number, height: number): Promise<string | undefined> {
  if (versionOf('echarts') === undefined) return undefined
  const { init } = await peer<ECharts>('echarts')
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width, height })
  drawn.setOption({ animation: false, backgroundColor: '#fff', textStyle: STYLE, ...option })
  const svg = drawn.renderToSVGString()
  drawn.dispose()
  return svg
}
