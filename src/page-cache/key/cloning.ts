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
  wrap(globalThis, 'structuredClone')
  wrap(workers.MessagePort.prototype, 'postMessage')
  wrap(workers.BroadcastChannel.prototype, 'postMessage')
  wrap(v8, 'serialize')
  syncBuiltinESMExports()
}

function wrap<Name extends string> (owner: Record<Name, unknown>, name: Name): void {
  const clone = owner[name] as Clone & { [CLONES_TRACKED]?: true }
  if (clone[CLONES_TRACKED] === true) return
  const wrapped: Clone = function (value, ...rest) {
    try {
      return clone.call(this, value, ...rest)
    } catch (error) {
      if (!hasTracked(value, new Set())) throw error
      return clone.call(this, copyUntracked(value, new Map()), ...rest)
    }
  }
  Object.defineProperty(wrapped, 'name', { value: name })
  Object.defineProperty(wrapped, CLONES_TRACKED, { value: true })
  owner[name] = wrapped
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
  const copy = Array.isArray(value) ? [] : value instanceof Map ? new Map() : value instanceof Set ? new Set() : {}
  copies.set(value, copy)
  for (const entry of entries) {
    const [key, part] = entry.map((part) => copyUntracked(part, copies)) as [string, unknown]
    if (copy instanceof Map) copy.set(key, part)
    else if (copy instanceof Set) copy.add(part)
    else Object.defineProperty(copy, key, { value: part, enumerable: true, configurable: true, writable: true })
  }
  return copy
}

/** Returns the parts of a container that is cloned part by part; undefined for anything else. */
function listEntries (value: object): Array<[key: unknown, part: unknown]> | undefined {
  if (value instanceof Map || value instanceof Set) return [...value.entries()]
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null
  return isPlain ? Object.entries(value) : undefined
}
