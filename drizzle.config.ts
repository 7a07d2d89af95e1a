import { defineConfig } from 'drizzle-kit'

// `npx drizzle-kit generate --name what_changed` writes a migration after you have changed a table.
export default defineConfig({
  dialect: 'sqlite',
  schema: './src/*/sqlite/table.ts',
  out: './drizzle'
})
