export { pageCache as default } from './plugin.ts'
export type { PageCacheOptions } from './plugin-options.ts'
export { type AnyRequest, type CachePageOptions, type FindTags, PAGE_PREFIX } from './options.ts'
export {
  type ExplainedEntry, explainEntry, type ExplainedPage, type Explanation, type ExplainQuestion, type KeyParts
} from './admin/explain.ts'
export type { Larder } from './decorator.ts'
export type { QuerystringParser } from './key/query.ts'
export type { Purge } from './admin/purge.ts'
export { PAGE_CHANNEL, type PageEvent } from './events.ts'
