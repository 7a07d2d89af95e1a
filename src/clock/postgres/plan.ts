import type { Unsafe } from './catalog.ts'

/** A node of what `EXPLAIN (VERBOSE, FORMAT JSON)` returns. */
export type PlanNode = { readonly [key: string]: unknown, readonly Plans?: readonly PlanNode[] }

/** A value that a plan looks for: a parameter by its position, a constant, or a column of another scan. */
export type Value = { readonly parameter: number } | { readonly constant: string | null } | { readonly column: string }

/** One place where a plan reads a table. */
export interface Scan {
  readonly schema: string
  readonly table: string
  readonly alias: string
  /** Columns whose values are known for all rows that are read, e.g. `id`. */
  readonly equals: ReadonlyArray<{ readonly column: string, readonly value: Value }>
}

/** The statement reads what its plan does not show, or in a way that no change reports. */
export class UnreadablePlanError extends Error {}

/** Nodes that read no table. Those that read one have a `Relation Name`. */
const HARMLESS = new Set([
  'Aggregate', 'Append', 'Merge Append', 'BitmapAnd', 'BitmapOr', 'Bitmap Index Scan', 'CTE Scan', 'Function Scan',
  'Gather', 'Gather Merge', 'Group', 'Hash', 'Hash Join', 'Incremental Sort', 'Limit', 'Materialize', 'Memoize',
  'Merge Join', 'Nested Loop', 'ProjectSet', 'Recursive Union', 'Result', 'SetOp', 'Sort', 'Subquery Scan',
  'Table Function Scan', 'Unique', 'Values Scan', 'WindowAgg', 'WorkTable Scan'
])
const SCANS = new Set([
  'Bitmap Heap Scan', 'Index Only Scan', 'Index Scan', 'ModifyTable', 'Sample Scan', 'Seq Scan', 'Tid Range Scan',
  'Tid Scan'
])
/** Properties that are names, not expressions. */
const NAMES = new Set([
  'Alias', 'CTE Name', 'Index Name', 'Node Type', 'Relation Name', 'Schema', 'Subplan Name', 'Parent Relationship'
])

/** Functions of PostgreSQL that read tables, catalogs, sequences, files or large objects. */
const READING_FUNCTION = new RegExp('^(?:' + [
  'pg_(?!sleep$|typeof$).*', 'has_.*', 'to_reg.*', 'row_security_active', 'lo_.*', 'loread', 'lowrite',
  '.*_to_xml(?:schema|_and_xmlschema)?', '(?:next|curr|last|set)val', 'ts_stat', 'ts_rewrite', '.*_description',
  'txid_.*', 'currtid2?'
].join('|') + ')$')
const CALL = /("(?:[^"]|"")+"|[a-z_][\w$]*)\s*\(/gi
const WORDS_BEFORE_PARENTHESES = new Set(['and', 'or', 'not', 'in', 'any', 'all', 'some', 'exists', 'over', 'filter'])

/** Lists what a plan reads. Throws an `UnreadablePlanError` if it may read more. */
export function listScans (root: PlanNode, unsafe: Unsafe): Scan[] {
  if (unsafe.casts) throw new UnreadablePlanError('casts')
  const scans: Scan[] = []
  // Results of subplans are written like parameters: $1.
  const hasSubplans = findNode(root, (node) => node['Subplan Name'] !== undefined)
  visit(root, (node) => {
    checkExpressions(node, unsafe)
    const type = String(node['Node Type'])
    if (HARMLESS.has(type)) return
    if (!SCANS.has(type)) throw new UnreadablePlanError(type)
    const alias = String(node.Alias)
    const condition = type.startsWith('Index ') ? node['Index Cond'] : undefined
    const equals = typeof condition === 'string' ? parseEquals(condition, alias) : []
    scans.push({
      schema: String(node.Schema),
      table: String(node['Relation Name']),
      alias,
      equals: equals.filter(({ value }) => !hasSubplans || !('parameter' in value))
    })
  })
  return scans
}

function visit (node: PlanNode, use: (node: PlanNode) => void): void {
  use(node)
  for (const child of node.Plans ?? []) visit(child, use)
}

function findNode (node: PlanNode, matches: (node: PlanNode) => boolean): boolean {
  return matches(node) || (node.Plans ?? []).some((child) => findNode(child, matches))
}

function checkExpressions (node: PlanNode, { functions, operators }: Unsafe): void {
  for (const expression of listExpressions(node)) {
    const text = expression.replaceAll(/'(?:[^']|'')*'/g, "''")
    for (const [, written] of text.matchAll(CALL)) {
      const name = written!.startsWith('"') ? written!.slice(1, -1).replaceAll('""', '"') : written!
      if (WORDS_BEFORE_PARENTHESES.has(name.toLowerCase())) continue
      if (functions.has(name) || READING_FUNCTION.test(name)) throw new UnreadablePlanError(name)
    }
    const operator = operators.find((operator) => text.includes(operator))
    if (operator !== undefined) throw new UnreadablePlanError(operator)
  }
}

function listExpressions (node: PlanNode): string[] {
  return Object.entries(node).flatMap(([name, value]) => {
    if (name === 'Plans' || NAMES.has(name)) return []
    return [value].flat(2).filter((item) => typeof item === 'string')
  })
}

const NAME = String.raw`(?:"(?:[^"]|"")+"|[a-z_][\w$]*)`
/** Casts between the types of values that are counted. */
const CAST = String.raw`(?:::(?:smallint|integer|bigint|uuid|text|character varying))?`
const EQUALS = new RegExp(String.raw`^\(\(?(?:(${NAME})\.)?(${NAME})\)?(?:::text)? = (.+)\)$`)
const PARAMETER = /^\$(\d+)$/
/** A parameter that is converted. A number may be written in several ways, a text may not. */
const CONVERTED = /^\(\$(\d+)\)::(?:smallint|integer|bigint|uuid)$/
const NUMBER = new RegExp(String.raw`^'?(-?\d+)'?${CAST}$`)
const TEXT = new RegExp(String.raw`^'((?:[^'\\]|'')*)'${CAST}$`)
const IS_NULL = new RegExp(String.raw`^\((?:(${NAME})\.)?(${NAME}) IS NULL\)$`)
const COLUMN = new RegExp(String.raw`^${NAME}\.${NAME}$`)

/** Parses the condition of an index: equalities that hold for all rows of the scan. */
function parseEquals (condition: string, alias: string): Scan['equals'] {
  const parts = splitConjunction(condition)
  return parts.flatMap((part) => {
    const [, owner, column, right] = EQUALS.exec(part) ?? IS_NULL.exec(part) ?? []
    if (column === undefined || (owner !== undefined && unquote(owner) !== alias)) return []
    const value = right === undefined ? { constant: null } : parseValue(right)
    return value === undefined ? [] : [{ column: unquote(column), value }]
  })
}

/** Splits `((a = 1) AND (b > 2))`, outside of texts and names. */
function splitConjunction (condition: string): string[] {
  const parts: string[] = []
  let part = ''
  let depth = 0
  const inner = /^\(\(.* AND .*\)$/s.test(condition) ? condition.slice(1, -1) : condition
  for (const [token] of inner.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"| AND |./gs)) {
    if (token === '(') depth++
    if (token === ')') depth--
    if (token !== ' AND ' || depth > 0) part += token
    else {
      parts.push(part)
      part = ''
    }
  }
  return [...parts, part]
}

function parseValue (text: string): Value | undefined {
  const parameter = PARAMETER.exec(text)?.[1] ?? CONVERTED.exec(text)?.[1]
  if (parameter !== undefined) return { parameter: Number(parameter) - 1 }
  const constant = NUMBER.exec(text)?.[1] ?? TEXT.exec(text)?.[1]?.replaceAll("''", "'")
  if (constant !== undefined) return { constant }
  if (!COLUMN.test(text)) return undefined
  return { column: Array.from(text.matchAll(new RegExp(NAME, 'g')), ([name]) => unquote(name)).join('.') }
}

function unquote (name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name
}
