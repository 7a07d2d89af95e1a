// For `require`: hooks that tools such as tap add to it strip no types, but ignore this extension.
export { openSqlite } from './open.ts'
