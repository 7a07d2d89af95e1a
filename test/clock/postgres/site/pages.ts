import { CELLS, GROUPS } from '../storm/cells.ts'

/** A page, and the cells that it shows the sum of. */
export interface Page {
  readonly path: string
  readonly has: (id: number) => boolean
  /** Returns the sum that an answer shows. */
  readonly read: (body: string) => number
}

const each = <T>(count: number, create: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => create(i))

const readSum = (body: string) => (JSON.parse(body) as { n: number }).n

/** The pages of the small application. */
export const PAGES: readonly Page[] = [
  ...each(CELLS, (id) => ({ path: `/cells/${id}`, has: (i: number) => i === id, read: readSum })),
  ...each(GROUPS, (grp) => ({ path: `/groups/${grp}`, has: (i: number) => i % GROUPS === grp, read: readSum })),
  { path: '/all', has: () => true, read: readSum }
]

interface Product { readonly id: number, readonly price: string }

/** The service begins with this many products. The newest ones are cells: number 0 is the last product. */
const PRODUCTS = 100
/** Products on the first page, which is the only one that the service caches. */
const LISTED = 20

const isListed = (cell: number) => cell < LISTED

const LIST: Page = {
  path: '/api/products',
  has: isListed,
  read: (body) => (JSON.parse(body) as { items: Product[] }).items
    .reduce((sum, { id, price }) => isListed(PRODUCTS - id) ? sum + Number(price) : sum, 0)
}

/** The answers of the service that show the products of `CELLS_OF_PRODUCTS`, most of them from the cache. */
export const SERVICE_PAGES: readonly Page[] = [
  ...each(3 * CELLS, () => LIST),
  ...each(CELLS, (cell) => ({
    path: `/api/products/${PRODUCTS - cell}`,
    has: (i: number) => i === cell,
    read: (body: string) => Number((JSON.parse(body) as Product).price)
  }))
]

/** A view that shows products as cells, so that the same statements write to both. */
export const CELLS_OF_PRODUCTS = `
  UPDATE products SET price = 0 WHERE id > ${PRODUCTS - CELLS};
  CREATE VIEW cells AS SELECT (${PRODUCTS} - id)::int AS id, ((${PRODUCTS} - id) % ${GROUPS})::int AS grp,
    price::int AS n FROM products WHERE id > ${PRODUCTS - CELLS};
  CREATE FUNCTION write_cell () RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE products SET price = price::int + 1 WHERE id = ${PRODUCTS} - OLD.id RETURNING price INTO NEW.n;
    RETURN NEW;
  END $$;
  CREATE TRIGGER write_cell INSTEAD OF UPDATE ON cells FOR EACH ROW EXECUTE FUNCTION write_cell()`
