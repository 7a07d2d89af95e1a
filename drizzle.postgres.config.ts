import { defineConfig } from 'drizzle-kit'

// `npx drizzle-kit generate --config drizzle.postgres.config.ts --name what_changed` writes a migration after you have
// changed a table. With `--custom`, it writes an empty one.
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/*/postgres/table.ts',
  out: './drizzle/postgres'
})
