/** Marks the prototypes of observable classes. */
export const IS_OBSERVABLE = Symbol('larder.is-observable')

type Class = new (...args: never[]) => object

/**
 * Makes a class of a server observable, if it can be replaced.
 *
 * Node has an option for it, but only when a server is created. The objects of any other server are made observable one
 * by one, with `findObservablePrototype`.
 *
 * @param name that of the option: `IncomingMessage` or `ServerResponse`
 * @param makeObservable returns an observable class that extends another
 */
export function replaceServerClass<T extends Class> (
  server: object, name: string, makeObservable: (Base: T) => T
): void {
  const option = Object.getOwnPropertySymbols(server).find(({ description }) => description === name)
  if (option === undefined) return
  const classes = server as Record<symbol, T>
  const Base = classes[option]!
  if (!(IS_OBSERVABLE in (Base.prototype as object))) classes[option] = makeObservable(Base)
}

/** Observable prototypes, by the prototypes from which they inherit. */
const prototypes = new WeakMap<object, object>()

/** Returns the observable prototype for objects that inherit from another prototype. */
export function findObservablePrototype<T extends Class> (base: object, makeObservable: (Base: T) => T): object {
  let prototype = prototypes.get(base)
  if (prototype === undefined) {
    prototypes.set(base, prototype = makeObservable(base.constructor as unknown as T).prototype as object)
  }
  return prototype
}

/**
 * Adds observable accessors to a class itself, as far as it allows that.
 *
 * So they reach an object that gets another prototype later, as requests get one from Express: it inherits from the
 * same class.
 */
export function extendClass<T extends Class> (Base: T, makeObservable: (Base: T) => T): void {
  const { prototype } = Base
  if (extended.has(prototype as object)) return
  extended.add(prototype as object)
  const before = Object.getOwnPropertyDescriptors(prototype as object) as Record<PropertyKey, PropertyDescriptor>
  // The class as it was, to which the accessors lead.
  const former = Object.create(Object.getPrototypeOf(prototype) as object, before) as object
  const Before = new Proxy(Base, { get: () => former })
  const { constructor: _, ...accessors } =
    Object.getOwnPropertyDescriptors(makeObservable(Before).prototype as object) as typeof before
  const names = Reflect.ownKeys(accessors)
  const isWhole = names.every((name) => before[name]?.configurable !== false)
  for (const name of names) {
    if (name === IS_OBSERVABLE ? isWhole : before[name]?.configurable !== false) {
      Object.defineProperty(prototype, name, accessors[name]!)
    }
  }
}

const extended = new WeakSet<object>()

/** Makes objects observable that have got another prototype, which inherits from a class. */
export function insertPrototype<T extends Class> (
  object: object, { prototype }: T, makeObservable: (Base: T) => T
): void {
  let owner = object
  for (let next: unknown; (next = Object.getPrototypeOf(owner)) !== prototype; owner = next as object) {
    if (next === null) return
  }
  Object.setPrototypeOf(owner, findObservablePrototype(prototype as object, makeObservable))
}
