/** SQL that writes a title, which is new each time. */
export type Change = (title: string) => string

/** Changes of the products, by name: updates, replacements and deletions of one row, of several and of all. */
export const CHANGES = {
  'update 1': (title) => `UPDATE products SET title = '${title}' WHERE id = 1`,
  'update 2': (title) => `UPDATE products SET title = '${title}' WHERE id = 2`,
  'update all': (title) => `UPDATE products SET title = '${title}'`,
  'put 2': (title) => `INSERT OR REPLACE INTO products (id, title, price) VALUES (2, '${title}', '1')`,
  'put 3': (title) => `INSERT OR REPLACE INTO products (id, title, price) VALUES (3, '${title}', '1')`,
  'delete 1': () => 'DELETE FROM products WHERE id = 1',
  'delete all': () => 'DELETE FROM products',
  'move 2 to 1': (title) => `UPDATE OR REPLACE products SET id = 1, title = '${title}' WHERE id = 2`
} satisfies Record<string, Change>

export type ChangeName = keyof typeof CHANGES
