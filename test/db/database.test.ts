import { sql } from 'drizzle-orm'
import t from 'tap'
import { moment, notes } from './support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

t.test('a transaction is committed as a whole, and answers what its work answers', async (t) => {
  const { database, add, titles } = notes(t)
  t.equal(await database.transaction(() => {
    add('a')
    add('b')
    return 'at once'
  }), 'at once')
  t.equal(await database.transaction(async () => {
    add('c')
    await Promise.resolve()
    add('d')
    return 'later'
  }), 'later')
  t.same(titles(), ['a', 'b', 'c', 'd'])
})

t.test('a transaction whose work fails is undone as a whole', async (t) => {
  const { database, add, titles } = notes(t)
  await t.rejects(database.transaction(() => {
    add('a')
    throw oops
  }), oops)
  await t.rejects(database.transaction(async () => {
    add('b')
    await Promise.resolve()
    throw oops
  }), oops)
  t.same(titles(), [])
  await database.transaction(() => add('c'))
  t.same(titles(), ['c'], 'the next one is not affected')
})

t.test('a statement that fails undoes the transaction, unless the work goes on', async (t) => {
  const { database, add, titles } = notes(t)
  const wrong = () => database.sql.run(sql`INSERT INTO products (title) VALUES ('no price')`)
  await t.rejects(database.transaction(() => {
    add('a')
    wrong()
  }), { cause: { code: 'SQLITE_CONSTRAINT_NOTNULL' } })
  t.same(titles(), [])
  await database.transaction(() => {
    add('b')
    t.throws(wrong)
    add('c')
  })
  t.same(titles(), ['b', 'c'])
})

t.test('a transaction knows itself, and others do not', async (t) => {
  const { database } = notes(t)
  const begun = moment()
  const done = moment()
  t.equal(database.inTransaction, false)
  const transaction = database.transaction(async () => {
    t.equal(database.inTransaction, true)
    begun.resolve()
    await done.promise
    t.equal(database.inTransaction, true)
  })
  await begun.promise
  t.equal(database.inTransaction, false)
  done.resolve()
  await transaction
  t.equal(database.inTransaction, false)
})

t.test('what a transaction writes is seen by itself at once, and by others when it is committed', async (t) => {
  const { database, add, titles } = notes(t)
  const written = moment()
  const done = moment()
  const transaction = database.transaction(async () => {
    add('a')
    t.same(titles(), ['a'])
    written.resolve()
    await done.promise
    t.same(titles(), ['a'])
  })
  await written.promise
  t.same(titles(), [])
  done.resolve()
  await transaction
  t.same(titles(), ['a'])
})

t.test('what others write meanwhile is no part of a transaction: it waits, and outlives a rollback', async (t) => {
  const { database, add, titles } = notes(t)
  const begun = moment()
  const done = moment()
  const failing = database.transaction(async () => {
    add('mine')
    begun.resolve()
    await done.promise
    t.same(titles(), ['mine'])
    throw oops
  })
  await begun.promise
  let over = false
  const other = database.transaction(() => {
    add('theirs')
    t.same(titles(), ['theirs'])
  }).then(() => { over = true })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  t.equal(over, false)
  done.resolve()
  await t.rejects(failing, oops)
  await other
  t.same(titles(), ['theirs'])
})

t.test('transactions take their turns in the order they came', async (t) => {
  const { database, add, titles } = notes(t)
  await Promise.all(Array.from('abcdefgh', (title, i) => database.transaction(async () => {
    add(`${title}1`)
    for (let turn = 0; turn < 8 - i; turn++) await new Promise(setImmediate)
    add(`${title}2`)
  })))
  t.same(titles(), Array.from('abcdefgh', (title) => [`${title}1`, `${title}2`]).flat())
})

t.test('nested', async (t) => {
  t.test('parts are kept with the whole', async (t) => {
    const { database, add, titles } = notes(t)
    t.equal(await database.transaction(async () => {
      add('a')
      const answer = await database.transaction(async () => {
        add('b')
        await database.transaction(() => add('c'))
        return 'inner'
      })
      add('d')
      return answer
    }), 'inner')
    t.same(titles(), ['a', 'b', 'c', 'd'])
  })

  t.test('a part that fails is undone alone', async (t) => {
    const { database, add, titles } = notes(t)
    await database.transaction(async () => {
      add('a')
      await t.rejects(database.transaction(async () => {
        add('b')
        await database.transaction(() => add('c'))
        throw oops
      }), oops)
      t.same(titles(), ['a'])
      add('d')
    })
    t.same(titles(), ['a', 'd'])
  })

  t.test('a part of a part that fails is undone alone', async (t) => {
    const { database, add, titles } = notes(t)
    await database.transaction(async () => {
      await database.transaction(async () => {
        add('a')
        await t.rejects(database.transaction(() => {
          add('b')
          throw oops
        }), oops)
      })
    })
    t.same(titles(), ['a'])
  })

  t.test('a part that was kept is undone with the whole', async (t) => {
    const { database, add, titles } = notes(t)
    await t.rejects(database.transaction(async () => {
      await database.transaction(() => add('a'))
      throw oops
    }), oops)
    t.same(titles(), [])
  })

  t.test('parts that begin together take turns', async (t) => {
    const { database, add, titles } = notes(t)
    await database.transaction(async () => {
      const results = await Promise.allSettled(['a', 'b', 'c'].map((title) => database.transaction(async () => {
        add(`${title}1`)
        await new Promise(setImmediate)
        await database.transaction(() => add(`${title}2`))
        if (title === 'b') throw oops
      })))
      t.same(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    })
    t.same(titles(), ['a1', 'a2', 'c1', 'c2'])
  })

  t.test('a part that nobody waits for is finished before the whole is kept', async (t) => {
    const { database, add, titles } = notes(t)
    await database.transaction(async () => {
      add('a')
      database.transaction(async () => {
        add('b')
        await new Promise(setImmediate)
        add('c')
      })
      database.transaction(() => add('d'))
    })
    t.same(titles(), ['a', 'b', 'c', 'd'])
  })

  t.test('a part under way when the whole fails is undone with it, and can do no more', async (t) => {
    const { database, add, titles } = notes(t)
    const goOn = moment()
    let part: Promise<void> | undefined
    let second: Promise<void> | undefined
    await t.rejects(database.transaction(async () => {
      const begun = moment()
      part = database.transaction(async () => {
        add('a')
        begun.resolve()
        await goOn.promise
        t.throws(() => add('b'), OVER)
      })
      second = database.transaction(() => add('c'))
      await begun.promise
      throw oops
    }), oops)
    t.same(titles(), [])

    // Even while another transaction has the connection.
    await database.transaction(async () => {
      add('d')
      goOn.resolve()
      await t.rejects(part!, OVER)
      await t.rejects(second!, OVER)
      add('e')
    })
    t.same(titles(), ['d', 'e'])
  })
})

t.test('after the commit', async (t) => {
  t.test('callbacks run after it, in order, one after the other, and before the transaction resolves', async (t) => {
    const { database, add, titles } = notes(t)
    const seen: unknown[] = []
    await database.transaction(async () => {
      database.afterCommit(async () => {
        seen.push(['first', titles(), database.inTransaction])
        await new Promise(setImmediate)
        seen.push('first is over')
      })
      add('a')
      database.afterCommit(() => seen.push('second'))
      await new Promise(setImmediate)
      t.same(seen, [])
    })
    t.same(seen, [['first', ['a'], false], 'first is over', 'second'])
  })

  t.test('a callback that throws keeps no other from running, and tells of what is committed all the same', async (t) => {
    const { database, add, titles } = notes(t)
    const seen: string[] = []
    await t.rejects(database.transaction(() => {
      add('a')
      database.afterCommit(() => { throw new Error('first') })
      database.afterCommit(() => seen.push('second'))
      database.afterCommit(async () => { throw new Error('third') })
    }), { message: 'first' })
    t.same(seen, ['second'])
    t.same(titles(), ['a'])
  })

  t.test('callbacks of parts run after the commit of the whole', async (t) => {
    const { database } = notes(t)
    const seen: string[] = []
    await database.transaction(async () => {
      database.afterCommit(() => seen.push('before'))
      await database.transaction(async () => {
        database.afterCommit(() => seen.push('part'))
        await database.transaction(() => database.afterCommit(() => seen.push('part of part')))
      })
      database.afterCommit(() => seen.push('after'))
      t.same(seen, [])
    })
    t.same(seen, ['before', 'part', 'part of part', 'after'])
  })

  t.test('no callback runs after a rollback', async (t) => {
    const { database } = notes(t)
    const unexpected = () => t.fail('a callback ran')
    await t.rejects(database.transaction(async () => {
      database.afterCommit(unexpected)
      await database.transaction(() => database.afterCommit(unexpected))
      throw oops
    }), oops)
  })

  t.test('no callback runs of a part that was undone', async (t) => {
    const { database } = notes(t)
    const seen: string[] = []
    await database.transaction(async () => {
      database.afterCommit(() => seen.push('whole'))
      await t.rejects(database.transaction(async () => {
        database.afterCommit(() => seen.push('part'))
        await database.transaction(() => database.afterCommit(() => seen.push('part of part')))
        throw oops
      }), oops)
    })
    t.same(seen, ['whole'])
  })

  t.test('a callback may begin a transaction', async (t) => {
    const { database, add, titles } = notes(t)
    await database.transaction(() => database.afterCommit(() => database.transaction(() => add('a'))))
    t.same(titles(), ['a'])
  })

  t.test('there is no commit to wait for outside of a transaction', async (t) => {
    const { database } = notes(t)
    t.throws(() => database.afterCommit(() => t.fail('a callback ran')), OVER)
  })
})

t.test('what goes on after the end of its transaction is told so', async (t) => {
  const { database, add, titles } = notes(t)
  const tries = [
    () => add('late'),
    () => titles(),
    () => database.inTransaction,
    () => database.afterCommit(() => {}),
    () => database.transaction(() => add('late'))
  ]
  let late: Promise<void> | undefined
  const straggle = async (over: Promise<void>) => {
    await over
    for (const work of tries) await t.rejects(async () => await work(), OVER)
  }

  const over = moment()
  await database.transaction(() => { late = straggle(over.promise) })
  over.resolve()
  await late

  await database.transaction(async () => {
    const over = moment()
    await database.transaction(() => { late = straggle(over.promise) })
    over.resolve()
    await late
  })
  t.same(titles(), [])
})

t.test('a failure upon which SQLite rolls back by itself ends the whole', async (t) => {
  const { database, add, titles } = notes(t)
  const violate = () => database.sql.run(sql`INSERT OR ROLLBACK INTO products (title) VALUES ('no price')`)

  await t.rejects(database.transaction(() => {
    add('a')
    violate()
  }), { cause: { code: 'SQLITE_CONSTRAINT_NOTNULL' } })

  await t.rejects(database.transaction(async () => {
    add('a')
    await t.rejects(database.transaction(violate))
    t.throws(() => add('b'), OVER)
    await t.rejects(database.transaction(() => add('c')), OVER)
  }), OVER, 'although the work went on')
  t.same(titles(), [])
  await database.transaction(() => add('d'))
  t.same(titles(), ['d'])
})

t.test('a transaction that takes too long is undone, and can do no more', async (t) => {
  const { database, add, titles } = notes(t, { transactionMs: 250 })
  const goOn = moment()
  let late: Promise<void> | undefined
  await t.rejects(database.transaction(() => {
    late = (async () => {
      add('a')
      await goOn.promise
      t.throws(() => add('b'), OVER)
    })()
    return late
  }), { code: 'LARDER_TRANSACTION_TIMEOUT', statusCode: 503, message: 'The transaction took longer than 0.25 s and was rolled back. Try again.' })
  await database.transaction(async () => {
    add('c')
    goOn.resolve()
    await late
  })
  t.same(titles(), ['c'])
})

t.test('a part that nobody waits for takes no longer than the whole may', async (t) => {
  const { database, add, titles } = notes(t, { transactionMs: 250 })
  await t.rejects(database.transaction(() => {
    add('a')
    database.transaction(() => new Promise(() => {}))
  }), { code: 'LARDER_TRANSACTION_TIMEOUT' })
  t.same(titles(), [])
})
