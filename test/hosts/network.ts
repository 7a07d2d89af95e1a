import { execFileSync } from 'node:child_process'
import type { Test } from 'tap'

/** How a link is cut: packets vanish, or a router answers that the host cannot be reached. */
export type Cut = 'silence' | 'refusal'

const RULES: Record<Cut, string> = { silence: 'blackhole', refusal: 'unreachable' }

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const ip = (...args: string[]) => run('ip', ...args)

/** Returns why this machine cannot run several hosts; false if it can. */
export function findObstacle (): string | false {
  if (process.platform !== 'linux' || process.getuid!() !== 0) return 'network namespaces need root on Linux'
  const name = `larder-${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ENOENT'
      ? 'network namespaces need the program ip: install the package iproute2'
      : `this machine does not allow network namespaces: ${(error as Error).message}`
  }
}

/**
 * Hosts around a router, each in a network namespace. The test itself reaches all of them, whatever is cut.
 *
 * One address can move between hosts, as that of a database does in a failover.
 */
export class Network {
  readonly #hosts: readonly string[]
  readonly #prefix = `larder-${process.pid}-`
  /** The second byte of all addresses. */
  readonly #net = 100 + process.pid % 100
  /** The address that moves. */
  readonly movingAddress = `10.${this.#net}.250.1`
  #rules: string[][] = []

  /** It ends with the test. */
  constructor (t: Test, hosts: readonly string[]) {
    this.#hosts = hosts
    t.teardown(() => this.#remove())
    const router = this.#name('router')
    ip('netns', 'add', router)
    this.#connect(router, 'test', undefined, 0)
    for (const [i, host] of hosts.entries()) {
      ip('netns', 'add', this.#name(host))
      ip('-n', this.#name(host), 'link', 'set', 'lo', 'up')
      this.#connect(router, host, this.#name(host), i + 1)
    }
    run('ip', 'netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
  }

  address (host: string): string {
    return `10.${this.#net}.${this.#hosts.indexOf(host) + 1}.2`
  }

  /** The command that runs a program on a host. */
  within (host: string): string[] {
    return ['ip', 'netns', 'exec', this.#name(host)]
  }

  /** Sends what is for the moving address to a host. */
  moveAddress (host: string): void {
    ip('-n', this.#name(host), 'address', 'replace', `${this.movingAddress}/32`, 'dev', 'lo')
    this.#route('replace', this.movingAddress, 'via', this.address(host))
  }

  /** Cuts the link between two hosts, in both directions. The moving address is cut off too if one of them has it. */
  cut (from: string, to: string, cut: Cut): void {
    for (const [a, b] of [[from, to], [to, from]] as const) {
      for (const source of this.#addresses(a)) {
        for (const target of this.#addresses(b)) this.#addRule('from', source, 'to', target, RULES[cut])
      }
    }
  }

  /** Heals all links. */
  heal (): void {
    for (const rule of this.#rules.splice(0)) ip('-n', this.#name('router'), 'rule', 'del', ...rule)
  }

  /** Pulls the cable of a host, and plugs it in again. */
  unplug (host: string): void {
    ip('-n', this.#name(host), 'link', 'set', 'eth0', 'down')
  }

  plugIn (host: string): void {
    ip('-n', this.#name(host), 'link', 'set', 'eth0', 'up')
    this.#setDefaultRoute(host)
  }

  #name (host: string): string {
    return this.#prefix + host
  }

  #addresses (host: string): string[] {
    const [route] = this.#route('show', this.movingAddress).split('\n')
    return [this.address(host), ...route?.includes(` ${this.address(host)} `) ? [this.movingAddress] : []]
  }

  #route (...args: string[]): string {
    return ip('-n', this.#name('router'), 'route', ...args)
  }

  #addRule (...rule: string[]): void {
    ip('-n', this.#name('router'), 'rule', 'add', ...rule)
    this.#rules.push(rule)
  }

  #setDefaultRoute (host: string): void {
    ip('-n', this.#name(host), 'route', 'replace', 'default', 'via', this.address(host).replace(/2$/, '1'))
  }

  /** Connects a namespace with the router. @param name undefined: that of the test */
  #connect (router: string, host: string, name: string | undefined, i: number): void {
    const [outer, inner] = [`l${process.pid % 10_000}r${i}`, name === undefined ? `l${process.pid % 10_000}t` : 'eth0']
    const net = `10.${this.#net}.${i}`
    ip('-n', router, 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner,
      ...name === undefined ? ['netns', String(process.pid)] : ['netns', name])
    ip('-n', router, 'address', 'add', `${net}.1/24`, 'dev', outer)
    ip('-n', router, 'link', 'set', outer, 'up')
    const inside = name === undefined ? [] : ['-n', name]
    ip(...inside, 'address', 'add', `${net}.2/24`, 'dev', inner)
    ip(...inside, 'link', 'set', inner, 'up')
    if (name === undefined) ip('route', 'add', `10.${this.#net}.0.0/16`, 'via', `${net}.1`)
    else this.#setDefaultRoute(host)
  }

  #remove (): void {
    for (const host of ['router', ...this.#hosts]) {
      try {
        ip('netns', 'del', this.#name(host))
      } catch {} // it was not created
    }
  }
}
