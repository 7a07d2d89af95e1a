/** `pg_snapshot`, as PostgreSQL's functions read it. */
export interface ModelSnapshot {
  readonly xmin: number
  readonly xmax: number
  readonly xip: readonly number[]
}

export const writeSnapshot = ({ xmin, xmax, xip }: ModelSnapshot): string => `${xmin}:${xmax}:${xip.join(',')}`

export function parseSnapshot (text: string): ModelSnapshot {
  const [xmin, xmax, xip] = text.split(':') as [string, string, string]
  return { xmin: Number(xmin), xmax: Number(xmax), xip: xip === '' ? [] : xip.split(',').map(Number) }
}

/** `pg_visible_in_snapshot`. */
export const isVisible = (xid: number, { xmax, xip }: ModelSnapshot): boolean => xid < xmax && !xip.includes(xid)
