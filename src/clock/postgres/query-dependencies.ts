import { LRUCache } from 'lru-cache'
import { type Catalog, writeRowTag } from './catalog.ts'
import { limitAnswer } from './limit-answer.ts'
import { listScans, type PlanNode, type Scan, type Value } from './plan.ts'

/** The number of statements whose dependencies are cached. */
const MAX_STATEMENTS = 1_000

/** What a statement reads; undefined: nothing that depends on it can be checked. */
type Dependencies = readonly Scan[] | undefined

export interface QueryDependenciesOptions {
  /** Returns the plan of a statement for any parameters; undefined if it has none. Rejects if that is not known now. */
  readonly explain: (sql: string) => Promise<PlanNode | undefined>
  readonly getCatalog: () => Catalog
  /** Milliseconds for which a plan is waited for. When it comes later, it is remembered all the same. */
  readonly deadlineMs: number
}

/**
 * Finds what a statement reads, from the plan that PostgreSQL makes for any parameters. So views, joins, subqueries and
 * policies need no parsing. Any plan will do: a result depends on no more than one plan for it reads.
 */
export class QueryDependencies {
  readonly #options: QueryDependenciesOptions
  readonly #cached = new LRUCache<string, { readonly found: Dependencies }>({ max: MAX_STATEMENTS })
  readonly #explaining = new Map<string, Promise<Dependencies>>()
  #catalog: Catalog | undefined

  constructor (options: QueryDependenciesOptions) {
    this.#options = options
  }

  /**
   * Returns the tags of what a statement reads, at once if it is known; undefined if it cannot be said.
   *
   * @param parameters the values that the statement gets
   */
  resolve (sql: string, parameters: readonly unknown[]): string[] | undefined | Promise<string[] | undefined> {
    const catalog = this.#options.getCatalog()
    if (catalog !== this.#catalog) {
      // The plans may be of another schema.
      this.#cached.clear()
      this.#explaining.clear()
      this.#catalog = catalog
    }
    const cached = this.#cached.get(sql)
    if (cached !== undefined) return listTags(cached.found, parameters, catalog)
    return limitAnswer(this.#explainOnce(sql, catalog), this.#options.deadlineMs)
      .then((found) => listTags(found, parameters, catalog))
  }

  #explainOnce (sql: string, catalog: Catalog): Promise<Dependencies> {
    let explaining = this.#explaining.get(sql)
    if (explaining === undefined) {
      explaining = this.#explain(sql, catalog).finally(() => {
        if (this.#explaining.get(sql) === explaining) this.#explaining.delete(sql)
      })
      this.#explaining.set(sql, explaining)
    }
    return explaining
  }

  async #explain (sql: string, catalog: Catalog): Promise<Dependencies> {
    const plan = await this.#options.explain(sql)
    const found = plan && readPlan(plan, catalog)
    if (catalog === this.#catalog) this.#cached.set(sql, { found })
    return found
  }
}

function readPlan (plan: PlanNode, catalog: Catalog): Dependencies {
  try {
    return listScans(plan, catalog.unsafe)
  } catch {
    return undefined
  }
}

function listTags (scans: Dependencies, parameters: readonly unknown[], catalog: Catalog): string[] | undefined {
  if (scans === undefined) return undefined
  const known = findKnownColumns(scans)
  const tags = new Set<string>()
  for (const { schema, table, equals } of scans) {
    const relation = catalog.findRelation(schema, table)
    if (!relation?.isWatched) return undefined
    const row = equals.map(({ column, value }) => {
      const counted = relation.columns.find(({ name }) => name === column)
      const resolved = resolveValue(value, parameters, known)
      return counted && resolved !== undefined ? writeRowTag(relation.name, counted, resolved) : undefined
    }).find((tag) => tag !== undefined)
    for (const tag of row === undefined ? relation.roots : [row]) tags.add(tag)
  }
  return [...tags]
}

/** Returns the columns whose values are known for all rows that the plan reads under a name. */
function findKnownColumns (scans: readonly Scan[]): Map<string, Value> {
  const byAlias = Map.groupBy(scans, ({ alias }) => alias)
  return new Map([...byAlias].filter(([, { length }]) => length === 1).flatMap(([alias, [scan]]) =>
    scan!.equals.map(({ column, value }) => [`${alias}.${column}`, value] as const)))
}

/** Returns a value that a plan looks for; undefined if it is not certain. */
function resolveValue (value: Value, parameters: readonly unknown[], known: ReadonlyMap<string, Value>): unknown {
  // A column of a row that was itself found by its value.
  for (let steps = 0; 'column' in value; steps++) {
    const next = known.get(value.column)
    if (next === undefined || steps > known.size) return undefined
    value = next
  }
  return 'parameter' in value ? parameters[value.parameter] : value.constant
}
