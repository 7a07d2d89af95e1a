import type { Database, PostgresDatabase, SqliteDatabase } from '../db/index.ts'
import { createProducts, type Products, type ProductsOptions } from './repository.ts'
import type { ProductRows } from './rows.ts'

/** Creates the products of a database. It loads only what this kind of database needs. */
export async function openProducts (
  { database, ...options }: Omit<ProductsOptions, 'rows'>
): Promise<Products> {
  return createProducts({ ...options, database, rows: await createRows(database) })
}

async function createRows (database: Database): Promise<ProductRows> {
  if (database.dialect === 'sqlite') {
    const { createSqliteRows } = await import('./sqlite/rows.ts')
    return createSqliteRows((database as SqliteDatabase).sql)
  }
  const { openPostgresRows } = await import('./postgres/rows.ts')
  return await openPostgresRows(database as PostgresDatabase)
}
