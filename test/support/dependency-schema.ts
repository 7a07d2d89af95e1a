export const SCHEMA = `
  CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER);
  CREATE INDEX names ON makers (name);
  CREATE TABLE codes (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
  CREATE TABLE words (word TEXT PRIMARY KEY, maker INTEGER) WITHOUT ROWID;
  CREATE VIEW list AS SELECT products.id, title, name FROM products LEFT JOIN makers ON makers.id = products.price;
  CREATE VIEW seventh AS SELECT * FROM products WHERE id = 7;
  CREATE VIEW nested AS SELECT id FROM list WHERE name > 'a' UNION SELECT maker FROM words;`
