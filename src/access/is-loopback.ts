import { BlockList, isIPv6 } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8) // also as IPv6 writes it: ::ffff:127.0.0.1
LOOPBACK.addAddress('::1', 'ipv6')

/**
 * Returns whether a host is this machine itself: `localhost`, or an address of loopback, however it is written.
 *
 * @param host a name or an address, an IPv6 address with or without brackets; no port
 */
export function isLoopback (host: string): boolean {
  // A URL has one spelling of an address: 127.1 becomes 127.0.0.1, and 0:0:0:0:0:0:0:1 becomes ::1.
  const { hostname = '' } = URL.parse(`http://${isIPv6(host) ? `[${host}]` : host}`) ?? {}
  const address = hostname.replace(/^\[|\]$/g, '')
  if (address === 'localhost' || address === 'localhost.') return true
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
