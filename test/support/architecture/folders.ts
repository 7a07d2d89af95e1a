/**
 * Which folder may import which. A folder that is not listed belongs to the one above it.
 *
 * server → app → features → plugins, hooks, db → larder → dashboard, metrics, clock → page-cache → cache
 *
 * The table is about imports and about members of Fastify's interfaces. The service has the latter from the page cache,
 * but imports only the entry points of the package, as any application does.
 */
export const ALLOWED: Record<string, string[]> = {
  server: ['app', 'config', 'db', 'errors', 'fast-imports', 'workers'],
  app: [
    'apicalls', 'config', 'db', 'larder', 'log', 'page-cache', 'plugins', 'products', 'routes', 'workers'
  ],
  config: ['db', 'errors', 'larder', 'workers'],
  errors: [],
  'fast-imports': [],
  'start-thread': [],
  log: [],

  products: ['db', 'errors', 'hooks', 'larder', 'plugins'],
  apicalls: ['errors', 'page-cache'],
  routes: ['db', 'errors'],
  plugins: ['db', 'errors', 'larder', 'page-cache/shared', 'start-thread', 'workers'],
  workers: ['larder'],
  hooks: ['errors', 'larder'],
  db: ['cache', 'clock/sqlite', 'errors', 'larder', 'start-thread'],
  'clock/sqlite': ['cache', 'clock'],
  'clock/postgres': ['cache', 'clock'],
  clock: ['cache'],

  // The entry points of the package.
  larder: ['access', 'cache', 'clock/postgres', 'clock/sqlite', 'dashboard', 'metrics', 'page-cache'],

  dashboard: ['access', 'cache', 'metrics', 'page-cache'],
  metrics: ['access', 'cache', 'page-cache'],
  access: ['cache', 'page-cache'],

  // The plugin; then, from the request to the response; then the modules that these share.
  'page-cache': [
    'cache', 'page-cache/admin', 'page-cache/key', 'page-cache/request', 'page-cache/response', 'page-cache/shared'
  ],
  'page-cache/request': ['cache', 'page-cache/http', 'page-cache/key', 'page-cache/shared'],
  'page-cache/response': ['cache', 'page-cache/http', 'page-cache/key', 'page-cache/shared'],
  'page-cache/admin': ['cache', 'page-cache/http', 'page-cache/key', 'page-cache/request', 'page-cache/shared'],
  'page-cache/shared': ['cache', 'page-cache/http', 'page-cache/key', 'page-cache/request'],
  'page-cache/key': ['cache', 'page-cache/http', 'page-cache/shared'],
  'page-cache/http': [],

  // The verbs; then loads; then stores; then the modules that these share.
  cache: [
    'cache/entry', 'cache/errors', 'cache/events', 'cache/load', 'cache/options', 'cache/stores', 'cache/stores/redis',
    'cache/types', 'cache/util', 'cache/versions'
  ],
  'cache/load': [
    'cache/entry', 'cache/errors', 'cache/events', 'cache/options', 'cache/stores', 'cache/types', 'cache/util',
    'cache/versions'
  ],
  'cache/stores/redis': ['cache/entry', 'cache/errors', 'cache/stores', 'cache/util', 'cache/versions'],
  'cache/events': ['cache/entry', 'cache/types'],
  'cache/types': ['cache/options', 'cache/stores', 'cache/util'],
  'cache/options': ['cache/stores', 'cache/util', 'cache/versions'],
  'cache/stores': ['cache/entry', 'cache/errors', 'cache/util', 'cache/versions'],
  'cache/entry': ['cache/errors', 'cache/versions'],
  'cache/versions': ['cache/util'],
  'cache/util': ['cache/errors'],
  'cache/errors': []
}

/** The folders of the package, beside its entry points in `larder`. */
export const PACKAGE = ['access', 'cache', 'clock', 'dashboard', 'metrics', 'page-cache']
/** What applications import of it. The database of the service has the version clock in parts. */
const USES_PARTS = ['db', 'larder', ...PACKAGE]

/** Whether a file belongs to the service, which imports only the entry points of the package. */
export function isOfService (path: string): boolean {
  return !USES_PARTS.includes(path.split('/')[0]!)
}

/** Files of the page cache that are not shared by its folders, but use them. */
const PLUGIN_FILES = [
  'page-cache/index.ts', 'page-cache/plugin.ts', 'page-cache/decorator.ts', 'page-cache/final-hook.ts'
]

/** Returns the row of the table that a file belongs to. @param path below src */
export function resolveFolder (path: string): string | undefined {
  const parts = path.replace(/\.ts$/, '').split('/')
  if (parts[0] === 'page-cache' && parts.length === 2) {
    return PLUGIN_FILES.includes(path) ? 'page-cache' : 'page-cache/shared'
  }
  for (let length = parts.length; length > 0; length--) {
    const folder = parts.slice(0, length).join('/')
    if (Object.hasOwn(ALLOWED, folder)) return folder
  }
  return undefined
}
