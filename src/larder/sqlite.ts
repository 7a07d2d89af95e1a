/**
 * The version clock of a SQLite database.
 *
 * @module fastify-larder/sqlite
 */

import './check-node.ts'

export { dropClockTriggers } from '../clock/sqlite/install.ts'
export { sqliteClock, type SqliteClock, type SqliteClockOptions } from '../clock/sqlite/sqlite-clock.ts'
