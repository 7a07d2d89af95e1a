import { defineConfig } from 'drizzle-kit'

// `npx drizzle-kit generate --name what_changed` writes the migration after a change of a schema.
export default defineConfig({
  dialect: 'sqlite',
  schema: './src/*/table.ts',
  out: './drizzle'
})
