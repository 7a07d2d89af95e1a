/**
 * Why the result of a load is not stored: its tags changed during the load (`outdated`), its key was deleted or written
 * (`revoked`), or its caller had waited for another load for too long (`load-overdue`).
 */
export type NotStoredReason = 'outdated' | 'revoked' | 'too-large' | 'too-many-loads' | 'load-overdue' |
  'store-unavailable' | 'recursive-load' | 'uncommitted-read' | 'unwatched-read' | 'clock-unavailable'
