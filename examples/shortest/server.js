import { buildApp } from './app.js'

await buildApp().listen({ port: 3000 })
