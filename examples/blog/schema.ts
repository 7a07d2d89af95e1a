import { count, eq, relations, sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, sqliteView, text } from 'drizzle-orm/sqlite-core'

export const authors = sqliteTable('authors', {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
  password: text().notNull()
})

export const posts = sqliteTable('posts', {
  id: integer().primaryKey(),
  authorId: integer('author_id').notNull().references(() => authors.id, { onDelete: 'cascade' }),
  title: text().notNull(),
  body: text().notNull(),
  published: integer({ mode: 'timestamp' }).notNull().default(sql`(unixepoch())`)
}, (table) => [index('posts_author').on(table.authorId)])

export const comments = sqliteTable('comments', {
  id: integer().primaryKey(),
  postId: integer('post_id').notNull().references(() => posts.id, { onDelete: 'cascade' }),
  authorId: integer('author_id').references(() => authors.id, { onDelete: 'set null' }),
  body: text().notNull()
}, (table) => [index('comments_post').on(table.postId), index('comments_author').on(table.authorId)])

export const tags = sqliteTable('tags', {
  id: integer().primaryKey(),
  name: text().notNull().unique()
})

export const postTags = sqliteTable('post_tags', {
  postId: integer('post_id').notNull().references(() => posts.id, { onDelete: 'cascade' }),
  tagId: integer('tag_id').notNull().references(() => tags.id, { onDelete: 'cascade' })
}, (table) => [primaryKey({ columns: [table.postId, table.tagId] }), index('post_tags_tag').on(table.tagId)])

/** Written by a program that counts visits. No page reads it. */
export const visits = sqliteTable('visits', {
  day: text().primaryKey(),
  visitors: integer().notNull()
})

export const postStats = sqliteView('post_stats').as((query) => query
  .select({ postId: posts.id, title: posts.title, comments: count(comments.id).as('comments') })
  .from(posts)
  .leftJoin(comments, eq(comments.postId, posts.id))
  .groupBy(posts.id))

export const authorsRelations = relations(authors, ({ many }) => ({ posts: many(posts) }))

export const postsRelations = relations(posts, ({ one, many }) => ({
  author: one(authors, { fields: [posts.authorId], references: [authors.id] }),
  comments: many(comments),
  postTags: many(postTags)
}))

export const commentsRelations = relations(comments, ({ one }) => ({
  post: one(posts, { fields: [comments.postId], references: [posts.id] }),
  author: one(authors, { fields: [comments.authorId], references: [authors.id] })
}))

export const tagsRelations = relations(tags, ({ many }) => ({ postTags: many(postTags) }))

export const postTagsRelations = relations(postTags, ({ one }) => ({
  post: one(posts, { fields: [postTags.postId], references: [posts.id] }),
  tag: one(tags, { fields: [postTags.tagId], references: [tags.id] })
}))
