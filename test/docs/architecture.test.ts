import t from 'tap'
import { ALLOWED } from '../support/architecture/folders.ts'
import { documents } from './documents.ts'

/** Reads the table of layers: what each folder or file of src may import. */
function readTable (): Record<string, string[]> {
  const { prose } = documents.find(({ path }) => path === 'docs/architecture.md')!
  const rows = prose.matchAll(/^\| `src\/([\w-]+)[^|]*\|[^|]*\|(.*)\|$/gm)
  return Object.fromEntries(Array.from(rows, ([, name, targets]) => {
    return [name!, Array.from(targets!.matchAll(/`([^`]+)`/g), ([, target]) => target!).sort()]
  }))
}

/** Joins the rows of the enforced table that belong to one folder of src. */
function joinFolders (): Record<string, string[]> {
  const joined: Record<string, string[]> = {}
  const root = (path: string) => path.split('/')[0]!
  for (const [folder, targets] of Object.entries(ALLOWED)) {
    const others = targets.map(root).filter((target) => target !== root(folder))
    joined[root(folder)] = [...new Set([...joined[root(folder)] ?? [], ...others])].sort()
  }
  return joined
}

t.test('the table of layers in docs/architecture.md is the one that test/architecture.test.ts enforces', async (t) => {
  t.same(readTable(), joinFolders())
})
