import { type IncomingMessage, ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { extendClass, findObservablePrototype, IS_OBSERVABLE } from './observable-classes.ts'
import { findObserver } from './tracked-message.ts'

/** What is observed of a response of Node, through which the connection can be read too. */
interface Response {
  readonly req: IncomingMessage
  socket: unknown
  /** In HTTP/2 only. */
  readonly stream: unknown
  write (...args: unknown[]): boolean
  _isLenientHeaderValidation (): boolean
}

type ResponseClass = new (...args: unknown[]) => Response

function makeObservable (Base: ResponseClass): ResponseClass {
  const setSocket = findSetter(Base.prototype as object, 'socket') // an assignment to `super` is slow
  class ObservableResponse extends Base {
    override get socket (): unknown {
      findObserver(this.req)?.recordConnection()
      return super.socket
    }

    override set socket (socket) { setSocket?.call(this, socket) }

    // Node itself reads the socket to send a part of a body.
    override write (...args: unknown[]): boolean {
      const observer = findObserver(this.req)
      return observer === undefined ? super.write(...args) : observer.ignoreConnection(() => super.write(...args))
    }

    [inspect.custom] (): this {
      findObserver(this.req)?.recordInspection()
      return this
    }

    // Node reads options of the server through the socket, for each header that is set.
    override _isLenientHeaderValidation (): boolean {
      const observer = findObserver(this.req)
      if (observer === undefined) return super._isLenientHeaderValidation()
      return observer.ignoreConnection(() => super._isLenientHeaderValidation())
    }
  }
  Object.defineProperty(ObservableResponse.prototype, IS_OBSERVABLE, { value: true })
  return 'stream' in Base.prototype ? makeHttp2Observable(ObservableResponse) : ObservableResponse
}

function makeHttp2Observable (Base: ResponseClass): ResponseClass {
  return class ObservableHttp2Response extends Base {
    override get stream (): unknown {
      findObserver(this.req)?.recordConnection()
      return super.stream
    }
  }
}

function findSetter (prototype: object, name: string): ((value: unknown) => void) | undefined {
  let owner = prototype
  while (!Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object
  return Object.getOwnPropertyDescriptor(owner, name)!.set
}

/** Makes the responses of all servers observable; those of HTTP/2 become it one by one. */
export function makeResponsesObservable (): void {
  extendClass(ServerResponse as unknown as ResponseClass, makeObservable)
}

/** Observes what is read through a response, for the observer of its request. */
export function observeResponse (response: object): void {
  if (IS_OBSERVABLE in response) return
  Object.setPrototypeOf(response, findObservablePrototype(Object.getPrototypeOf(response) as object, makeObservable))
}
