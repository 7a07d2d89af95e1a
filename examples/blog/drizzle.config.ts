/** For drizzle-kit: `generate` writes a migration after a change of the schema; `push` spares the clock's tables. */
export default {
  dialect: 'sqlite',
  schema: './schema.ts',
  out: './drizzle',
  tablesFilter: ['!larder_*']
}
