import { andThen, type Versions } from '../cache/index.ts'

/**
 * Adds `expire` and `firstInvalidated` to a version clock that knows only changes. Each tag has a second one, which
 * `invalidate` changes too, and `expire` does not: so hits check no more tags than before.
 *
 * @param isNamed whether only `invalidate` changes a tag; others, e.g. those of a table, cannot expire: they always
 * count as invalidated
 */
export function makeExpirable (versions: Versions, isNamed: (tag: string) => boolean): Versions {
  return {
    ...versions,
    invalidate: (tags) => versions.invalidate([...tags, ...tags.filter(isNamed).map(nameSecond)]),
    expire: (tags) => versions.invalidate(tags),
    firstInvalidated (stamp, tags) {
      const decisive = tags.map((tag) => isNamed(tag) ? nameSecond(tag) : tag)
      return andThen(versions.firstChanged(stamp, decisive), (changed) =>
        changed === undefined ? undefined : tags[decisive.indexOf(changed)])
    }
  }
}

/** No table has a name that begins with a space in its tags: it would be encoded or quoted. */
function nameSecond (tag: string): string {
  return ` ${tag}`
}
