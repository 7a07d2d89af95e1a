import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import type * as catalog from '../../../../src/clock/postgres/catalog.ts'
import type * as looks from '../../../../src/clock/postgres/looks.ts'
import type * as recentChanges from '../../../../src/clock/postgres/recent-changes.ts'
import type * as staleEntries from '../../../../src/clock/postgres/stale-entries.ts'
import type * as tracking from '../../../../src/clock/postgres/tracking.ts'
import type * as versions from '../../../../src/clock/postgres/versions.ts'

/** The modules of the process side of the clock. */
export type Code =
  typeof catalog & typeof looks & typeof recentChanges & typeof staleEntries & typeof tracking & typeof versions

const FILES = ['catalog.ts', 'looks.ts', 'recent-changes.ts', 'stale-entries.ts', 'tracking.ts', 'versions.ts']
const FOLDER = new URL('../../../../src/clock/postgres/', import.meta.url)

/** A change of the code that must make it wrong. */
export interface Mutation {
  readonly title: string
  readonly file: string
  /** A text that occurs once in the file. */
  readonly from: string
  readonly to: string
}

const mutations: Mutation[] = []

/** Loads the code of the clock, with a mutation if one is given. */
export async function loadCode (mutation?: Mutation): Promise<Code> {
  const base = mutation === undefined ? FOLDER.href : `mutant:${mutations.push(mutation) - 1}/`
  if (mutation !== undefined) hook()
  return Object.assign({}, ...await Promise.all(FILES.map((file) => import(base + file)))) as Code
}

let isHooked = false

/** Lets `mutant:0/looks.ts` and its neighbours be imported, which are the files of the folder with mutation 0. */
function hook (): void {
  if (isHooked) return
  isHooked = true
  registerHooks({
    resolve (specifier, context, nextResolve) {
      const parent = context.parentURL?.startsWith('mutant:') ? context.parentURL : undefined
      const url = specifier.startsWith('mutant:')
        ? specifier
        : parent && (specifier.startsWith('./')
          ? parent.replace(/\/.*/, specifier.slice(1))
          : specifier.startsWith('../') ? new URL(specifier, FOLDER).href : undefined)
      return url === undefined
        ? nextResolve(specifier, context)
        : { url, format: 'module-typescript', shortCircuit: true }
    },
    load (url, context, nextLoad) {
      const [, number, file] = /^mutant:(\d+)\/(.+)$/.exec(url) ?? []
      if (file === undefined) return nextLoad(url, context)
      return { source: mutate(mutations[Number(number)]!, file), format: 'module-typescript', shortCircuit: true }
    }
  })
}

function mutate ({ title, file, from, to }: Mutation, name: string): string {
  const text = readFileSync(new URL(name, FOLDER), 'utf8')
  if (name !== file) return text
  const parts = text.split(from)
  if (parts.length !== 2) {
    throw new Error(`${file} contains this text ${parts.length - 1} times, not once: ${from}. ` +
      `Adapt the mutation "${title}".`)
  }
  return parts.join(to)
}
