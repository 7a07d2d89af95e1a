import type { Affinity, CountedColumn } from './slots.ts'

/** An instruction of SQLite's virtual machine, as `EXPLAIN` lists it: https://sqlite.org/opcode.html. */
export type Instruction = readonly [address: number, opcode: string, p1: number, p2: number, p3: number, p4: string]

/** A value that a program looks for, before the columns through which it passes have converted it. */
export interface Known {
  /** A constant, or the position of a bound value, from 0. */
  readonly source: { readonly constant: number | string | null } | { readonly parameter: number }
  readonly through: readonly Affinity[]
}

/** Instructions that neither move a cursor nor jump. */
const PLAIN = new Set([
  'Variable', 'Integer', 'Int64', 'Real', 'String8', 'Null', 'Copy', 'SCopy', 'Column', 'Rowid', 'IdxRowid',
  'ResultRow', 'MakeRecord', 'Function', 'PureFunc', 'Affinity', 'RealAffinity', 'Cast', 'Concat', 'Add', 'Subtract',
  'Multiply', 'Divide', 'Remainder', 'And', 'Or', 'Not', 'OpenRead', 'OpenEphemeral', 'AggStep', 'AggFinal', 'NullRow',
  'Transaction', 'Halt', 'Close', 'CollSeq', 'ClrSubtype', 'Noop', 'Move', 'Compare'
])
/** Instructions that may jump, and whose first operand is not a cursor. */
const JUMPS = new Set([
  'Init', 'Goto', 'Once', 'If', 'IfNot', 'IfPos', 'IsNull', 'NotNull', 'Eq', 'Ne', 'Lt', 'Le', 'Gt', 'Ge', 'MustBeInt',
  'DecrJumpZero', 'Gosub', 'Return', 'BeginSubrtn', 'InitCoroutine', 'Yield', 'EndCoroutine', 'Jump'
])
/** Other instructions that do not jump to an address that they name. */
const STRAIGHT = new Set([
  ...PLAIN, 'Return', 'BeginSubrtn', 'EndCoroutine', 'DeferredSeek', 'SorterOpen', 'SorterInsert', 'SorterData',
  'OpenPseudo', 'IdxInsert', 'Insert', 'Sequence'
])
/** Instructions that may be between those that load the values to look for and the one that looks for them. */
const CONVERSIONS = new Set(['IsNull', 'Affinity', 'CollSeq'])

const ASCENDING = { ends: ['IdxGT', 'IdxGE'], step: 'Next' }
const DESCENDING = { ends: ['IdxLT', 'IdxLE'], step: 'Prev' }
/** How a range of an index is read: from its start, by steps, as long as a check of its end does not jump away. */
const RANGES = new Map(Object.entries({
  SeekGE: ASCENDING, SeekGT: ASCENDING, SeekLE: DESCENDING, SeekLT: DESCENDING
}))

/** The rows that a program reads through its cursors. */
export class ByteCode {
  readonly #program: readonly Instruction[]
  /** The instructions that may move each cursor. */
  readonly #moves = new Map<number, Instruction[]>()
  /** The instructions that may jump to each address. */
  readonly #jumps = new Map<number, Instruction[]>()
  /** The cursors of tables to whose rows an index leads. */
  readonly #led = new Set<number>()
  /** The cursors of outer joins, whose row may be missing. */
  readonly #mayBeMissing = new Set<number>()
  readonly #findColumn: (cursor: number) => CountedColumn | undefined
  /** The cursors whose rows are being found, so that none depends on itself. */
  readonly #visiting = new Set<number>()

  /** @param findColumn returns the column with which the index of a cursor begins */
  constructor (program: readonly Instruction[], findColumn: (cursor: number) => CountedColumn | undefined) {
    this.#program = program
    this.#findColumn = findColumn
    for (const instruction of program) this.#note(instruction)
  }

  /** Groups the instructions, since a program with many cursors has many of each kind. */
  #note (instruction: Instruction): void {
    const [, opcode, p1, p2, p3] = instruction
    if (opcode === 'DeferredSeek') this.#led.add(p3)
    if (opcode === 'NullRow') this.#mayBeMissing.add(p1)
    if (!PLAIN.has(opcode) && !JUMPS.has(opcode)) add(this.#moves, p1, instruction)
    if (STRAIGHT.has(opcode)) return
    const targets = opcode === 'Jump' ? [p1, p2, p3] : opcode === 'InitCoroutine' ? [p2, p3] : [p2]
    for (const target of targets) add(this.#jumps, target, instruction)
  }

  /**
   * Lists the numbers of the rows that a cursor is moved to; those to which an index leads are left out. Returns
   * undefined if they are not known in advance.
   */
  findRows (cursor: number): Known[] | undefined {
    const rows: Known[] = []
    for (const [address, opcode,,, register] of this.#listMoves(cursor)) {
      const ids = opcode === 'SeekRowid' ? this.#findLoaded(address, register, cursor) : undefined
      if (ids === undefined) return undefined
      rows.push(...ids)
    }
    return rows.length === 0 && !this.#led.has(cursor) ? undefined : rows
  }

  /**
   * Lists the values of the first column of an index in the rows that a cursor is moved to. Returns undefined if they
   * are not known in advance.
   */
  findValues (cursor: number): Known[] | undefined {
    const moves = this.#listMoves(cursor).filter(([, opcode]) => opcode !== 'DeferredSeek')
    const starts = moves.filter(([, opcode]) => RANGES.has(opcode))
    if (starts.length !== 1) return undefined
    const [[start, seek,,, register]] = starts as [Instruction]
    const { ends, step } = RANGES.get(seek)!
    const end = this.#findEnd(start, cursor, register, ends)
    const steps = moves.filter(([, opcode,, to]) => opcode === step && to === end)
    if (end === undefined || moves.length !== 2 + steps.length) return undefined
    const isEntered = this.#listJumps(start, end).some((jump) => !steps.includes(jump))
    return isEntered ? undefined : this.#findLoaded(start, register, cursor)
  }

  /** The instructions that may move a cursor. */
  #listMoves (cursor: number): readonly Instruction[] {
    return this.#moves.get(cursor) ?? []
  }

  /** Returns the address of the instruction that checks the end of a range, directly after its start. */
  #findEnd (start: number, cursor: number, register: number, ends: readonly string[]): number | undefined {
    let address = start + 1
    while (this.#isPreparation(address) && this.#findTarget(address) !== register) address++
    const [, opcode, p1,, last] = this.#program[address]!
    return ends.includes(opcode) && p1 === cursor && last === register ? address : undefined
  }

  /** Returns what is loaded into a register directly before an instruction, if it is known in advance. */
  #findLoaded (address: number, register: number, cursor: number): Known[] | undefined {
    let at = address - 1
    while (this.#isPreparation(at) && this.#findTarget(at) !== register) at--
    if (this.#findTarget(at) !== register || this.#listJumps(at, address).length > 0) return undefined
    const [, opcode, p1, p2, p3, p4] = this.#program[at]!
    const known = (source: Known['source']): Known[] => [{ source, through: [] }]
    switch (opcode) {
      case 'Integer': return known({ constant: p1 })
      case 'String8': return known({ constant: p4 })
      case 'Null': return p3 > p2 ? undefined : known({ constant: null })
      case 'Variable': return known({ parameter: p1 - 1 })
      case 'Rowid': return this.#findOuter(p1, cursor, 'numeric', () => this.#findOuterRows(p1))
      default: return this.#findOuterColumn(p1, p2, cursor)
    }
  }

  #findOuterRows (cursor: number): Known[] | undefined {
    return this.#led.has(cursor) ? undefined : this.findRows(cursor)
  }

  #findOuterColumn (cursor: number, position: number, within: number): Known[] | undefined {
    const column = position === 0 ? this.#findColumn(cursor) : undefined
    return column && this.#findOuter(cursor, within, column.affinity, () => this.findValues(cursor))
  }

  /** Returns the values that a cursor of an outer loop has, after their conversion by its column. */
  #findOuter (
    cursor: number, within: number, affinity: Affinity, find: () => Known[] | undefined
  ): Known[] | undefined {
    // A row that is missing has the value null.
    if (this.#mayBeMissing.has(cursor) || cursor === within || this.#visiting.has(cursor)) return undefined
    this.#visiting.add(cursor)
    const found = find()
    this.#visiting.delete(cursor)
    return found?.map(({ source, through }) => ({ source, through: [...through, affinity] }))
  }

  /** Whether an instruction only loads or converts a value. */
  #isPreparation (address: number): boolean {
    const opcode = this.#program[address]?.[1]
    return opcode !== undefined && (CONVERSIONS.has(opcode) || this.#findTarget(address) !== undefined)
  }

  /** Returns the register that an instruction loads, if it loads one that can be traced. */
  #findTarget (address: number): number | undefined {
    const [, opcode,, p2, p3] = this.#program[address]!
    switch (opcode) {
      case 'Variable': case 'Integer': case 'String8': case 'Null': case 'Rowid': return p2
      case 'Column': return p3
      default: return undefined
    }
  }

  /** Lists the instructions that may jump to an address after the first and up to the last. */
  #listJumps (first: number, last: number): Instruction[] {
    const found: Instruction[] = []
    for (let address = first + 1; address <= last; address++) found.push(...this.#jumps.get(address) ?? [])
    return found
  }
}

function add<K> (groups: Map<K, Instruction[]>, key: K, instruction: Instruction): void {
  const group = groups.get(key)
  if (group === undefined) groups.set(key, [instruction])
  else group.push(instruction)
}
