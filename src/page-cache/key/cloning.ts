import { syncBuiltinESMExports } from 'node:module'
import { types } from 'node:util'
import v8 from 'node:v8'
import workers from 'node:worker_threads'
import { UNTRACKED } from './untracked.ts'

type Clone = (this: unknown, value: unknown, ...rest: unknown[]) => unknown

/** Marks functions that can clone tracked objects. */
const CLONES_TRACKED = Symbol('larder.clones-tracked')

/**
 * Lets the functions of the platform that clone values accept tracked headers and cookies too.
 *
 * Tracked objects are proxies, since nothing else notices that code lists the names of headers; and proxies cannot be
 * cloned. A function that fails is called once more, with plain copies in place of tracked objects.
 */
export function cloneTrackedObjects (): void {
  wrap(globalThis, 'structuredClone', retry)
  wrap(workers.MessagePort.prototype, 'postMessage', retry)
  wrap(workers.BroadcastChannel.prototype, 'postMessage', retry)
  wrap(v8, 'serialize', retry)
  wrap(v8.Serializer.prototype, 'writeValue', searchFirst)
  syncBuiltinESMExports()
}

function wrap<Name extends string> (
  owner: Record<Name, unknown>, name: Name, extend: (value: unknown, clone: (value: unknown) => unknown) => unknown
): void {
  const clone = owner[name] as Clone & { [CLONES_TRACKED]?: true }
  if (clone[CLONES_TRACKED] === true) return
  const wrapped: Clone = function (value, ...rest) {
    return extend(value, (value) => clone.call(this, value, ...rest))
  }
  Object.defineProperty(wrapped, 'name', { value: name })
  Object.defineProperty(wrapped, CLONES_TRACKED, { value: true })
  owner[name] = wrapped
}

function retry (value: unknown, clone: (value: unknown) => unknown): unknown {
  try {
    return withoutSearch(() => clone(value))
  } catch (error) {
    if (!hasTracked(value, new Set())) throw error
    return clone(copyUntracked(value, new Map()))
  }
}

let isSearching = true

function withoutSearch<T> (work: () => T): T {
  const wasSearching = isSearching
  isSearching = false
  try {
    return work()
  } finally {
    isSearching = wasSearching
  }
}

/** For a function that cannot take back what it has written until it fails. */
function searchFirst (value: unknown, clone: (value: unknown) => unknown): unknown {
  return clone(isSearching && hasTracked(value, new Set()) ? copyUntracked(value, new Map()) : value)
}

/** Whether there is a tracked object in a value. */
function hasTracked (value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false
  seen.add(value)
  if (types.isProxy(value)) return Reflect.get(value, UNTRACKED) !== undefined
  return listEntries(value)?.some((entry) => entry.some((part) => hasTracked(part, seen))) === true
}

/** Copies the containers in a value, with plain copies of the tracked objects in them. */
function copyUntracked (value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (types.isProxy(value)) return (value as { [UNTRACKED]?: object })[UNTRACKED] ?? value
  const entries = listEntries(value)
  if (entries === undefined) return value
  if (copies.has(value)) return copies.get(value)
  if (!isContainer(value) && !hasTracked(value, new Set())) return value
  const copy = createLike(value)
  copies.set(value, copy)
  for (const entry of entries) {
    const [key, part] = entry.map((part) => copyUntracked(part, copies)) as [string, unknown]
    if (copy instanceof Map) copy.set(key, part)
    else if (copy instanceof Set) copy.add(part)
    else Object.defineProperty(copy, key, { value: part, enumerable: true, configurable: true, writable: true })
  }
  return copy
}

function createLike (value: object): object {
  if (Array.isArray(value)) return []
  if (value instanceof Map) return new Map()
  if (value instanceof Set) return new Set()
  if (!types.isNativeError(value)) return {} // as a clone of an instance of a class is
  // A clone of an error keeps these, and its cause.
  const { name, message, stack } = value
  return Object.defineProperties(new Error(message), { name: { value: name }, stack: { value: stack } })
}

/** Returns the parts of an object that is cloned part by part; undefined for anything else. */
function listEntries (value: object): Array<[key: unknown, part: unknown]> | undefined {
  if (value instanceof Map || value instanceof Set) return [...value.entries()]
  if (types.isNativeError(value)) return Object.hasOwn(value, 'cause') ? [['cause', value.cause]] : []
  return ArrayBuffer.isView(value) ? undefined : Object.entries(value)
}

/** Whether an object has no more than its parts. Others, such as dates, are copied only if a part is tracked. */
function isContainer (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || value instanceof Map || value instanceof Set ||
    prototype === Object.prototype || prototype === null
}
