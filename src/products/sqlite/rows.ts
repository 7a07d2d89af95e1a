import { eq, sql } from 'drizzle-orm'
import type { Sql } from '../../db/index.ts'
import type { ProductRows } from '../rows.ts'
import { createBulk } from './bulk.ts'
import { advancedTo } from './columns.ts'
import { createList } from './list.ts'
import { products } from './table.ts'

/** The rows of the products in SQLite. */
export function createSqliteRows (handle: Sql): ProductRows {
  const { find, insert, update, remove } = prepareStatements(handle)
  return {
    ...createList(handle),
    ...createBulk(handle),
    async waitForTurn () {}, // There is one transaction at a time.
    find: (id) => find.get({ id }),
    insert: ([title, price, created]) => insert.get({ title, price, created, updated: created }),
    update: (id, { title = null, price = null }, now) => update.get({ id, title, price, now }),
    delete: (id) => remove.get({ id })
  }
}

function prepareStatements (handle: Sql) {
  const hasId = eq(products.id, sql.placeholder('id'))
  return {
    find: handle.select().from(products).where(hasId).prepare(),
    insert: handle.insert(products).values({
      title: sql.placeholder('title'),
      price: sql.placeholder('price'),
      created: sql.placeholder('created'),
      updated: sql.placeholder('updated')
    }).returning().prepare(),
    update: handle.update(products).set({
      title: sql`coalesce(${sql.placeholder('title')}, ${products.title})`,
      price: sql`coalesce(${sql.placeholder('price')}, ${products.price})`,
      updated: advancedTo(products.updated, sql.placeholder('now'))
    }).where(hasId).returning().prepare(),
    remove: handle.delete(products).where(hasId).returning().prepare()
  }
}
