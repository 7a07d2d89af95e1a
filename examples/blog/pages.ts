import { desc, eq } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import type { Blog } from './database.ts'
import { html, send } from './html.ts'
import { authors, comments, posts, postTags, tags } from './schema.ts'

interface Id { Params: { id: string } }

/** What everybody may read. Each page is cached, and no page names what it depends on. */
export async function pages (app: FastifyInstance, { db, sqlite }: Blog) {
  const countAll = async () => ({ posts: await db.$count(posts), comments: await db.$count(comments) })
  const mostDiscussed = sqlite.prepare<[], { id: number, title: string, comments: number }>(
    'SELECT id, title, comments FROM post_stats ORDER BY comments DESC, id LIMIT 10')
  const commentsOfPost = sqlite.prepare<[string]>('SELECT id, body FROM comments WHERE post_id = ? ORDER BY id')

  app.get('/', { config: { cachePage: '15m' } }, async (request, reply) => {
    const latest = await db.query.posts.findMany({
      with: { author: { columns: { name: true } }, postTags: { with: { tag: true } } },
      orderBy: [desc(posts.published), desc(posts.id)],
      limit: 10
    })
    const total = await app.larder.getOrSet('totals', countAll, { ttl: '1h' })
    return send(request, reply, 'Blog', html`
<ul>${latest.map(({ id, title, author, postTags }) => html`
  <li><a href="/posts/${id}">${title}</a> by ${author.name}
    ${postTags.map(({ tag }) => html`<a href="/tags/${tag.name}">#${tag.name}</a>`)}`)}
</ul>
<footer>${total.posts} posts, ${total.comments} comments</footer>`)
  })

  app.get<Id>('/posts/:id', { config: { cachePage: '15m' } }, async (request, reply) => {
    const post = await db.query.posts.findFirst({
      where: eq(posts.id, Number(request.params.id)),
      with: { author: true, comments: { with: { author: true } }, postTags: { with: { tag: true } } }
    })
    if (post === undefined) return reply.callNotFound()
    return send(request, reply, post.title, html`
<p>by <a href="/authors/${post.authorId}">${post.author.name}</a> ${post.postTags.map(({ tag }) => `#${tag.name} `)}
<p>${post.body}
${post.comments.map(({ body, author }) => html`<blockquote>${body} (${author?.name ?? 'somebody'})</blockquote>`)}`)
  })

  app.get<Id>('/authors/:id', { config: { cachePage: '15m' } }, async (request, reply) => {
    const id = Number(request.params.id)
    const author = db.select({ name: authors.name }).from(authors).where(eq(authors.id, id)).get()
    if (author === undefined) return reply.callNotFound()
    const own = db.select().from(posts).where(eq(posts.authorId, id)).all()
    return send(request, reply, author.name, html`<ul>${own.map(({ title }) => html`<li>${title}`)}</ul>`)
  })

  app.get<{ Params: { name: string } }>('/tags/:name', { config: { cachePage: '15m' } }, async (request, reply) => {
    const { name } = request.params
    const tagged = db.select({ title: posts.title }).from(tags)
      .innerJoin(postTags, eq(postTags.tagId, tags.id))
      .innerJoin(posts, eq(posts.id, postTags.postId))
      .where(eq(tags.name, name)).orderBy(posts.id).all()
    return send(request, reply, `#${name}`, html`<ul>${tagged.map(({ title }) => html`<li>${title}`)}</ul>`)
  })

  app.get('/popular', { config: { cachePage: '15m' } }, async () => mostDiscussed.all())

  app.get<Id>('/posts/:id/comments', { config: { cachePage: '15m' } }, async (request) => {
    return commentsOfPost.all(request.params.id)
  })

  app.get('/about', { config: { cachePage: '15m' } }, async () => 'A blog about food.')

  app.post<Id & { Body: { body: string } }>('/posts/:id/comments', async (request, reply) => {
    const { author } = request.session
    if (author === undefined) return reply.code(401).send('Log in first.')
    const postId = Number(request.params.id)
    db.transaction((tx) => {
      tx.insert(comments).values({ postId, authorId: author.id, body: request.body.body }).run()
    })
    return reply.redirect(`/posts/${postId}`, 303)
  })
}
