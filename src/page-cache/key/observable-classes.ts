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
