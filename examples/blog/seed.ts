import { hashPassword } from './accounts.ts'
import type { Blog } from './database.ts'
import { authors, comments, posts, postTags, tags } from './schema.ts'

/** Fills an empty blog: ann writes posts 1 and 3, bob writes post 2. */
export function seed ({ db }: Blog): void {
  db.transaction((tx) => {
    if (tx.select().from(authors).get() !== undefined) return
    const password = hashPassword('secret')
    tx.insert(authors).values(['ann', 'bob'].map((name) => ({ name, password }))).run()
    tx.insert(posts).values([
      { authorId: 1, title: 'Bread', body: 'Knead it well.' },
      { authorId: 2, title: 'Soup', body: 'Let it simmer.' },
      { authorId: 1, title: 'Honey', body: 'Thank the bees.' }
    ]).run()
    tx.insert(comments).values([
      { postId: 1, authorId: 2, body: 'My oven agrees.' },
      { postId: 1, body: 'More salt.' },
      { postId: 2, authorId: 1, body: 'For how long?' }
    ]).run()
    tx.insert(tags).values([{ name: 'baking' }, { name: 'winter' }, { name: 'garden' }]).run()
    tx.insert(postTags).values([{ postId: 1, tagId: 1 }, { postId: 2, tagId: 2 }, { postId: 3, tagId: 2 }]).run()
  }, { behavior: 'immediate' }) // so that of two processes only one fills it
}
