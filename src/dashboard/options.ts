import { checkToken } from '../access/require-token.ts'
import { checkNames, OptionError } from '../cache/index.ts'
import { checkGauges, type Gauge } from '../metrics/gauges.ts'

export interface DashboardOptions {
  /** Opens the dashboard. Without a token nothing can be purged, and `openTo` decides alone. */
  token?: string | undefined
  /**
   * To whom the page, its events and explanations are open without the token. Default `nobody` if there is a token,
   * else `loopback`.
   *
   * - `loopback`: programs on this machine that connect directly
   * - `everyone`: all clients, e.g. because a hook of the application has checked them
   */
  openTo?: 'nobody' | 'loopback' | 'everyone'
  /** Links at the head of the page, by their texts, e.g. `{ Shop: '/' }`. Default none. */
  links?: Readonly<Record<string, string>>
  /** Figures of the application that the page shows. Default none. */
  gauges?: readonly Gauge[]
}

const NAMES = new Set<keyof DashboardOptions | 'prefix' | 'logLevel' | 'logSerializers'>([
  'token', 'openTo', 'links', 'gauges', 'prefix', 'logLevel', 'logSerializers' // the last three are those of Fastify
])

const OPEN_TO: ReadonlyArray<DashboardOptions['openTo']> = [undefined, 'nobody', 'loopback', 'everyone']

/** Checks the options of the dashboard. */
export function checkDashboardOptions (options: DashboardOptions): void {
  checkNames('fastify-larder/dashboard', options, NAMES)
  checkToken(options.token)
  const { links = {} } = options
  const isRecord = typeof links === 'object' && links !== null && !Array.isArray(links)
  if (!isRecord || Object.values(links).some((link) => typeof link !== 'string')) {
    throw new OptionError("The option links must be an object of texts and addresses such as { Shop: '/' }.")
  }
  if (options.gauges !== undefined) checkGauges(options.gauges)
  if (!OPEN_TO.includes(options.openTo)) {
    throw new OptionError('The option openTo must be nobody, loopback or everyone.')
  }
}
