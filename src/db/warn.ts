/** Milliseconds within which a warning of one kind is not repeated. */
export const REPEAT_MS = 60_000

/** Passes a warning on, each kind at most once a minute. */
export type Warn<Kind> = (kind: Kind, message: string) => void

export function createWarn<Kind> (onWarning: (message: string) => void = () => {}): Warn<Kind> {
  const recent = new Set<Kind>()
  return (kind, message) => {
    if (recent.has(kind)) return
    recent.add(kind)
    setTimeout(() => recent.delete(kind), REPEAT_MS).unref()
    onWarning(message)
  }
}
