import t from 'tap'
import { FileContent } from '../../../src/clock/sqlite/file-content.ts'
import type { WalIndex } from '../../../src/clock/sqlite/wal-index.ts'

/** A file of pages that are filled with one byte each, and its content as it is checked. */
function fakeFile () {
  const file = { bytes: [1, 2, 3], checkpoint: '1' as string | undefined, readDatabase: () => {} }
  const index = {
    readCheckpoint: () => file.checkpoint,
    readDatabase (bytes: Buffer, position: number) {
      file.readDatabase()
      bytes.fill(file.bytes[position / bytes.length]!)
    }
  } as WalIndex
  const log = { index, pageBytes: 512, pages: new Set([3]) }
  return { file, log, content: new FileContent(log) }
}

t.test('a file is overwritten if its first page or that of the counters differs without a checkpoint', async (t) => {
  for (const [page, isOverwritten] of [[0, true], [1, false], [2, true]] as const) {
    const { file, content } = fakeFile()
    t.equal(content.isOverwritten(), false)
    file.bytes[page] = 7
    t.equal(content.isOverwritten(), isOverwritten)
    t.equal(content.isOverwritten(), isOverwritten, 'from then on')
    file.checkpoint = undefined
    t.equal(content.isOverwritten(), isOverwritten)
  }
})

t.test('a file is not judged after a checkpoint, during one, or if the counters may have moved', async (t) => {
  for (const [name, change] of Object.entries<(fake: ReturnType<typeof fakeFile>) => void>({
    after: ({ file }) => { file.checkpoint = '2' },
    'during one that has begun before': ({ file }) => { file.checkpoint = undefined },
    'during one that begins now': ({ file }) => { file.readDatabase = () => { file.checkpoint = '2' } },
    moved: ({ log }) => { log.pages = new Set([3]) }
  })) {
    const fake = fakeFile()
    const { file, content } = fake
    content.isOverwritten()
    change(fake)
    file.bytes[2] = 7
    t.equal(content.isOverwritten(), false, name)
    file.readDatabase = () => {}
    file.checkpoint = '2'
    t.equal(content.isOverwritten(), false, name)
    file.bytes[2] = 8
    t.equal(content.isOverwritten(), true, 'it is judged again')
  }
})

t.test('a file that cannot be read is not judged', async (t) => {
  const { file, content } = fakeFile()
  content.isOverwritten()
  file.readDatabase = () => { throw new Error('EIO') }
  t.equal(content.isOverwritten(), false)
})
