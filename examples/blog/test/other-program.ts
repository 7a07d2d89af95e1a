import Database from 'better-sqlite3'

/* Another program, which knows nothing of the cache: it runs the statements that its parent sends. */

process.on('message', ({ file, sql }: { file: string, sql: string }) => {
  const sqlite = new Database(file)
  sqlite.exec(sql)
  sqlite.close()
  process.send!('done')
})
