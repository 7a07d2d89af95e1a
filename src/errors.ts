import createError from '@fastify/error'

/* Every error that the service itself throws: a stable code, what is wrong and what to do, the HTTP status. */

export const ConfigError = createError('LARDER_CONFIG', '%s', 500)

export const ListenError = createError<[string, number, string]>(
  'LARDER_LISTEN', 'Cannot listen on HOST %s, PORT %s (%s). Choose another address.', 500)

export const OverloadedError = createError(
  'LARDER_OVERLOADED', 'The service is overloaded. Try again in a few seconds.', 503)

export const DatabaseOpenError = createError<[string, string]>(
  'LARDER_DATABASE_OPEN', 'Cannot open the DATABASE_URL %s: %s', 500)
export const DatabaseBusyError = createError(
  'LARDER_DATABASE_BUSY', 'The database is busy. Try again in a moment.', 503)
export const DatabaseClosedError = createError(
  'LARDER_DATABASE_CLOSED', 'The database is closed, because the service is shutting down.', 503)
export const DatabaseReadOnlyError = createError(
  'LARDER_DATABASE_READ_ONLY', 'The database accepts no changes at the moment. Try again later.', 503)
export const DatabaseFullError = createError(
  'LARDER_DATABASE_FULL', 'The database is full and accepts no changes at the moment. Try again later.', 503)
export const DatabaseLostError = createError(
  'LARDER_DATABASE_LOST', 'The database is unavailable. Try again later.', 503)
export const DatabaseUnavailableError = createError(
  'LARDER_DATABASE_UNAVAILABLE', 'The database does not respond at the moment. Try again later.', 503)
export const CommitUnknownError = createError(
  'LARDER_COMMIT_UNKNOWN',
  'The database was lost while it saved the change, so it may or may not have been saved. Check before you try again.',
  504)
export const TransactionOverError = createError(
  'LARDER_TRANSACTION_OVER', 'The transaction of this call has ended. Await each call inside the transaction.', 500)
export const OpenTransactionError = createError(
  'LARDER_OPEN_TRANSACTION', 'A transaction was begun on a connection that reads. Use database.transaction().', 500)
export const DatabaseWorkerError = createError(
  'LARDER_DATABASE_WORKER', 'The thread of the database has ended unexpectedly. Try again.', 503)
export const TransactionTimeoutError = createError<[number]>(
  'LARDER_TRANSACTION_TIMEOUT', 'The transaction took longer than %s s and was rolled back. Try again.', 503)

/** Seconds after which a client may repeat a request that got a 503, by the code of its error. */
const RETRY_AFTER: Readonly<Record<string, number>> = {
  LARDER_OVERLOADED: 5,
  LARDER_UPSTREAM_BUSY: 5,
  LARDER_DATABASE_BUSY: 1,
  LARDER_DATABASE_WORKER: 1,
  LARDER_DATABASE_CLOSED: 5,
  LARDER_DATABASE_UNAVAILABLE: 5,
  LARDER_TRANSACTION_TIMEOUT: 5,
  LARDER_DATABASE_READ_ONLY: 30,
  LARDER_DATABASE_FULL: 60,
  LARDER_DATABASE_LOST: 60
}

/** Returns the value of `Retry-After` for a 503, in seconds. */
export function resolveRetryAfter (code: string | undefined): number {
  return RETRY_AFTER[code ?? ''] ?? 10
}

export const ProductNotFoundError = createError<[string]>(
  'LARDER_PRODUCT_NOT_FOUND', 'There is no product %s.', 404)
export const PageTooDeepError = createError<[number]>(
  'LARDER_PAGE_TOO_DEEP',
  'querystring/page must not reach beyond product %s. Use the parameter after, as the header Link has it.', 400)
export const InvalidPageError = createError(
  'LARDER_INVALID_PAGE', 'The list has no such page. Pages are numbered from 1.', 400)
export const InvalidProductIdError = createError(
  'LARDER_INVALID_PRODUCT_ID', 'The address does not have the number of a product. Choose a product in the list.', 400)
export const ClientClosedError = createError(
  'LARDER_CLIENT_CLOSED', 'The client has closed the connection, so its request was abandoned.', 499)
export const InvalidUtf8Error = createError(
  'LARDER_INVALID_UTF8', 'The request body is not valid UTF-8. Encode the text as UTF-8.', 400)
export const BodyTooComplexError = createError<[number, number]>(
  'LARDER_BODY_TOO_COMPLEX',
  'The request body is nested deeper than %s levels, or has more than %s values. Send what /docs describes.', 400)
export const BodyTooLargeError = createError<[string]>(
  'FST_ERR_CTP_BODY_TOO_LARGE', 'Request body is too large. The limit is %s.', 413)

export const CrossSiteError = createError(
  'LARDER_CROSS_SITE', 'The form was sent from another site and has been rejected. Use the form of this site.', 403)

export const UpstreamError = createError<[string]>(
  'LARDER_UPSTREAM', 'The upstream service %s.', 502)
export const UpstreamTimeoutError = createError<[number]>(
  'LARDER_UPSTREAM_TIMEOUT', 'The upstream service did not respond within %s s.', 504)
export const UpstreamBusyError = createError<[number]>(
  'LARDER_UPSTREAM_BUSY',
  'Too many requests wait for the upstream service, so it has not received this one within %s s. ' +
  'Try again in a few seconds.', 503)
