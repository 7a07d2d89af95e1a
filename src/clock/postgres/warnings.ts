import type { Installed } from './install.ts'

/** Returns what the clock cannot see, each in one sentence. */
export function listWarnings ({ hasEvents, unwatched }: Installed): string[] {
  const warnings: string[] = []
  if (!hasEvents) {
    warnings.push('This role may not create event triggers, so the clock does not see changes of the schema at once. ' +
      'Call refresh() after each, or create the clock once as a superuser.')
  }
  if (unwatched.length > 0) {
    warnings.push(`This role does not own ${unwatched.join(', ')}, so what is read from there is not stored. ` +
      'Create the clock once as the owner.')
  }
  return warnings
}
