import { inspect } from 'node:util'
import { UNTRACKED } from './untracked.ts'

/** The target of a proxy: `util.inspect` reads it without the proxy, and finds only what it has to call. */
class Target {
  readonly #proxy: TrackingProxy<object>

  constructor (proxy: TrackingProxy<object>) {
    this.#proxy = proxy
  }

  get [UNTRACKED] (): object {
    return this.#proxy.copy()
  }

  /** Is called on the proxy, or on its target. */
  [inspect.custom] (): object {
    return this[UNTRACKED]
  }
}

/**
 * Shows an object, and notices what is read of it.
 *
 * It is a proxy, since lists of names and tests for a name count too.
 */
export abstract class TrackingProxy<T extends object> implements ProxyHandler<Target> {
  /** What to show in place of the object. */
  readonly shown: T
  readonly #own: T

  constructor (own: T) {
    this.#own = own
    this.shown = new Proxy(new Target(this), this) as unknown as T
  }

  /** Notices that the value of a property is read, or whether there is one. */
  abstract recordRead (name: string): void
  /** Notices that all properties are read together. */
  abstract recordAll (): void

  recordValue (name: string): void {
    this.recordRead(name)
  }

  recordDescriptor (name: string): void {
    this.recordRead(name)
  }

  /** Notices that all names are listed. */
  recordNames (_own: T): void {
    this.recordAll()
  }

  beforeChange (): void {}

  /** Returns a plain copy of the object. */
  copy (): object {
    this.recordAll()
    return { ...this.#own }
  }

  get (_: Target, name: string | symbol): unknown {
    if (typeof name === 'string') this.recordValue(name)
    else if (name === UNTRACKED) return this.copy()
    return (this.#own as Record<string | symbol, unknown>)[name]
  }

  has (_: Target, name: string | symbol): boolean {
    if (typeof name === 'string') this.recordRead(name)
    return name in this.#own
  }

  getOwnPropertyDescriptor (target: Target, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'string') this.recordDescriptor(name)
    const descriptor = Object.getOwnPropertyDescriptor(this.#own, name)
    // A proxy may show only such a property as fixed that its target has.
    if (descriptor?.configurable === false) Object.defineProperty(target, name, descriptor)
    return descriptor
  }

  ownKeys (): Array<string | symbol> {
    this.recordNames(this.#own)
    return Reflect.ownKeys(this.#own)
  }

  getPrototypeOf (): object | null {
    return Object.getPrototypeOf(this.#own) as object | null
  }

  setPrototypeOf (_: Target, prototype: object | null): boolean {
    return Reflect.setPrototypeOf(this.#own, prototype)
  }

  set (_: Target, name: string | symbol, value: unknown, receiver: unknown): boolean {
    this.beforeChange()
    return Reflect.set(this.#own, name, value, receiver === this.shown ? this.#own : receiver)
  }

  deleteProperty (target: Target, name: string | symbol): boolean {
    this.beforeChange()
    return Reflect.deleteProperty(this.#own, name) && Reflect.deleteProperty(target, name)
  }

  defineProperty (target: Target, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    this.beforeChange()
    if (!Reflect.defineProperty(this.#own, name, descriptor)) return false
    const defined = Object.getOwnPropertyDescriptor(this.#own, name)!
    return (defined.configurable === true && Object.isExtensible(target)) ||
      Reflect.defineProperty(target, name, defined)
  }

  /** Freezes or seals the object. Then its target must have the same properties. */
  preventExtensions (target: Target): boolean {
    this.recordAll()
    Object.setPrototypeOf(target, this.getPrototypeOf())
    Object.defineProperties(target, Object.getOwnPropertyDescriptors(this.#own))
    return Reflect.preventExtensions(target) && Reflect.preventExtensions(this.#own)
  }
}
