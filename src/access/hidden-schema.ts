import type { FastifySchema } from 'fastify'

/** The schema of a route that is no part of the API of the application: @fastify/swagger leaves it out. */
export const HIDDEN_SCHEMA = { hide: true } as FastifySchema
