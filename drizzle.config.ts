import { defineConfig } from 'drizzle-kit'

// `npx drizzle-kit generate --name what_changed` writes a migration after you have changed a table.
export default defineConfig({
  dialect: 'sqlite',
  schema: './src/*/table.ts',
  out: './drizzle'
})
