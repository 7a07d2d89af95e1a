/**
 * The version clock of a PostgreSQL database.
 *
 * @module fastify-larder/postgres
 */

import './check-node.ts'

export {
  postgresClock, type PostgresClock, type PostgresClockOptions, type Queryable
} from '../clock/postgres/postgres-clock.ts'
