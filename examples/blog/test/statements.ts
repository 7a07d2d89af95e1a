/** The pages, by their short names in the table. */
export const PAGES: Record<string, string> = {
  '/': '/',
  post1: '/posts/1',
  post2: '/posts/2',
  comm1: '/posts/1/comments',
  comm2: '/posts/2/comments',
  ann: '/authors/1',
  bob: '/authors/2',
  bake: '/tags/baking',
  wint: '/tags/winter',
  view: '/popular',
  about: '/about'
}

/** What programs do to the database. */
export const STATEMENTS: Record<string, string> = {
  'insert a post': "INSERT INTO posts (author_id, title, body) VALUES (1, 'Jam', 'Stir.')",
  'insert 1,000 posts': `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO posts (author_id, title, body) SELECT 2, 'Post ' || i, '' FROM n`,
  'update post 1': "UPDATE posts SET title = 'Rye bread' WHERE id = 1",
  'update all posts': "UPDATE posts SET body = body || '!'",
  'update no post': "UPDATE posts SET title = 'Nothing' WHERE id = 99",
  'update post 1 to what it is': 'UPDATE posts SET title = title WHERE id = 1',
  'give post 1 to bob': 'UPDATE posts SET author_id = 2 WHERE id = 1',
  'upsert post 1': `INSERT INTO posts (id, author_id, title, body) VALUES (1, 1, 'Rye bread', '')
    ON CONFLICT (id) DO UPDATE SET title = excluded.title`,
  'replace post 1': "REPLACE INTO posts (id, author_id, title, body) VALUES (1, 1, 'Rye bread', '')",
  'delete post 1, and its comments': 'DELETE FROM posts WHERE id = 1',
  'delete post 1 alone': 'PRAGMA foreign_keys = OFF; DELETE FROM posts WHERE id = 1',
  'update post 1 through a view': "UPDATE post_stats SET title = 'Rye bread' WHERE id = 1",
  'insert a comment on post 1': "INSERT INTO comments (post_id, body) VALUES (1, 'Yes.')",
  'insert comments on both': "INSERT INTO comments (post_id, body) VALUES (1, 'Yes.'), (2, 'No.')",
  'update a comment of post 1': "UPDATE comments SET body = 'No.' WHERE id = 1",
  'move a comment to post 2': 'UPDATE comments SET post_id = 2 WHERE id = 1',
  'replace a comment of post 1': "REPLACE INTO comments (id, post_id, body) VALUES (1, 1, 'No.')",
  'delete a comment of post 1': 'DELETE FROM comments WHERE id = 1',
  'delete all comments': 'DELETE FROM comments',
  'rename ann': "UPDATE authors SET name = 'anna' WHERE id = 1",
  'insert an author': "INSERT INTO authors (name, password) VALUES ('cem', '')",
  'delete bob, and all of his': 'DELETE FROM authors WHERE id = 2',
  'rename a tag': "UPDATE tags SET name = 'bread' WHERE name = 'baking'",
  'upsert a tag by its name': "INSERT INTO tags (name) VALUES ('baking') ON CONFLICT (name) DO NOTHING",
  'replace a tag by its name': "REPLACE INTO tags (name) VALUES ('baking')",
  'tag post 1': 'INSERT INTO post_tags VALUES (1, 2)',
  'untag post 1': 'DELETE FROM post_tags WHERE post_id = 1',
  'count a visit': "INSERT INTO visits VALUES ('2026-11-30', 1)",
  'roll back': 'BEGIN; DELETE FROM comments; DELETE FROM post_tags; DELETE FROM posts; ROLLBACK',
  'write in a transaction': "BEGIN; UPDATE posts SET title = 'Rye bread' WHERE id = 1; DELETE FROM post_tags; COMMIT",
  'add an index': 'CREATE INDEX posts_title ON posts (title)',
  'add a column': 'ALTER TABLE posts ADD COLUMN language TEXT'
}
