export { pageCache as default, type PageCacheOptions } from './plugin.ts'
export { type CachePageOptions, PAGE_PREFIX } from './options.ts'
export {
  type ExplainedEntry, explainEntry, type Explanation, type ExplainQuestion, type ExplainQuestion as Question
} from './admin/explain.ts'
export type { Purge } from './admin/purge.ts'
export { PAGE_CHANNEL, type PageEvent } from './events.ts'
