import { eq, sql } from 'drizzle-orm'
import type { PostgresDatabase, PostgresSql } from '../../db/index.ts'
import type { ProductRows } from '../rows.ts'
import { createBulk } from './bulk.ts'
import { COLUMNS, toProduct } from './columns.ts'
import { createCountTriggers } from './count.ts'
import { insertWithFreeIds } from './ids.ts'
import { createList } from './list.ts'
import { products } from './table.ts'
import { advancedTo } from './times.ts'

/** Opens the rows of the products in PostgreSQL. */
export async function openPostgresRows (database: PostgresDatabase): Promise<ProductRows> {
  await createCountTriggers(database)
  const statements = prepareStatements(database.sql)

  /** Runs a statement for one row. */
  async function run (name: keyof typeof statements, values: Record<string, unknown>) {
    const [row] = await statements[name].execute(values)
    return row && toProduct(row)
  }

  return {
    ...createList(database),
    ...createBulk(database.sql),
    async waitForTurn () {
      await database.sql.execute(sql`SELECT pg_advisory_xact_lock(hashtext('larder.products'))`)
    },
    find: (id) => run('find', { id }),
    insert: ([title, price, created]) => (
      insertWithFreeIds(database.sql, () => run('insert', { title, price, created }))),
    update: (id, { title = null, price = null }, now) => run('update', { id, title, price, now }),
    delete: (id) => run('delete', { id })
  }
}

function prepareStatements (handle: PostgresSql) {
  const hasId = eq(products.id, sql.placeholder('id'))
  // Without a name, so that poolers of connections need not know these statements.
  return {
    find: handle.select(COLUMNS).from(products).where(hasId).prepare(''),
    insert: handle.insert(products).values({
      title: sql.placeholder('title'),
      price: sql.placeholder('price'),
      created: sql.placeholder('created'),
      updated: sql.placeholder('created')
    }).onConflictDoNothing({ target: products.id }).returning(COLUMNS).prepare(''),
    update: handle.update(products).set({
      title: sql`coalesce(${sql.placeholder('title')}, ${products.title})`,
      price: sql`coalesce(${sql.placeholder('price')}, ${products.price})`,
      updated: advancedTo(products.updated, sql.placeholder('now'))
    }).where(hasId).returning(COLUMNS).prepare(''),
    delete: handle.delete(products).where(hasId).returning(COLUMNS).prepare('')
  }
}
