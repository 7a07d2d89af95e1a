import { buildApp } from './app.js'

await buildApp().listen({ port: 3000 }) // then open http://127.0.0.1:3000/cache
