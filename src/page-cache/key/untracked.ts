/** The property of a tracked object with which it returns a plain copy of itself. */
export const UNTRACKED = Symbol('larder.untracked')
