import type { Products } from '../../../src/products/index.ts'
import { named } from './set-up.ts'

/** An error that rolls back a transaction. */
export const oops = new Error('oops')

export interface Mutation {
  name: string
  mutate (products: Products): Promise<unknown>
  /** The titles afterwards, newest first. Before, they are c, b, a with the ids 3, 2, 1. */
  leaves: string[]
  /** What subscribers receive. */
  notifications: string[]
}

export const mutations: Mutation[] = [
  {
    name: 'create',
    mutate: (products) => products.create({ title: 'd', price: '1' }),
    leaves: ['d', 'c', 'b', 'a'],
    notifications: ['1 created: d']
  },
  {
    name: 'createMany',
    mutate: (products) => products.createMany(named('d', 'e')),
    leaves: ['e', 'd', 'c', 'b', 'a'],
    notifications: ['2 created: 4,5']
  },
  {
    name: 'update',
    mutate: (products) => products.update(2, { title: 'B' }),
    leaves: ['c', 'B', 'a'],
    notifications: ['1 saved: B']
  },
  {
    name: 'updateMany by ids',
    mutate: (products) => products.updateMany({ ids: [1, 3, 99] }, { title: 'x' }),
    leaves: ['x', 'b', 'x'],
    notifications: ['2 saved: {"ids":[1,3,99]}']
  },
  {
    name: 'updateMany by title',
    mutate: (products) => products.updateMany({ title: 'b' }, { title: 'x' }),
    leaves: ['c', 'x', 'a'],
    notifications: ['1 saved: {"title":"b"}']
  },
  {
    name: 'updateMany of all',
    mutate: (products) => products.updateMany({}, { title: 'x' }),
    leaves: ['x', 'x', 'x'],
    notifications: ['3 saved: {}']
  },
  {
    name: 'delete',
    mutate: (products) => products.delete(2),
    leaves: ['c', 'a'],
    notifications: ['1 deleted: b']
  },
  {
    name: 'deleteMany',
    mutate: (products) => products.deleteMany([1, 2, 99]),
    leaves: ['c'],
    notifications: ['2 deleted: 1,2,99']
  },
  {
    name: 'several in a transaction',
    mutate: (products) => products.transaction(async () => {
      await products.create({ title: 'd', price: '1' })
      await products.update(1, { title: 'A' })
      await products.delete(2)
    }),
    leaves: ['d', 'c', 'A'],
    notifications: ['1 created: d', '1 saved: A', '1 deleted: b']
  },
  {
    name: 'several concurrently in a transaction',
    mutate: (products) => products.transaction(() => {
      return Promise.all([products.delete(1), products.createMany(named('d', 'e'))])
    }),
    leaves: ['e', 'd', 'c', 'b'],
    notifications: ['1 deleted: a', '2 created: 4,5']
  },
  {
    name: 'nested transactions',
    mutate: (products) => products.transaction(async () => {
      await products.transaction(() => products.transaction(() => products.delete(3)))
    }),
    leaves: ['b', 'a'],
    notifications: ['1 deleted: c']
  },
  {
    name: 'a rolled back transaction in a committed one',
    mutate: (products) => products.transaction(async () => {
      await products.delete(3)
      await products.transaction(async () => {
        await products.delete(2)
        throw oops
      }).catch(() => {})
    }),
    leaves: ['b', 'a'],
    notifications: ['1 deleted: c']
  }
]

/** Calls that change no product, and their results. */
export const callsWithoutChange: Array<Pick<Mutation, 'name' | 'mutate'> & { result: unknown }> = [
  { name: 'createMany of nothing', mutate: (products) => products.createMany([]), result: [] },
  { name: 'update of an absent product', mutate: (products) => products.update(99, { title: 'x' }), result: undefined },
  { name: 'updateMany of no ids', mutate: (products) => products.updateMany({ ids: [] }, { title: 'x' }), result: 0 },
  {
    name: 'updateMany of absent ids',
    mutate: (products) => products.updateMany({ ids: [98, 99] }, { title: 'x' }),
    result: 0
  },
  {
    name: 'updateMany of an absent title',
    mutate: (products) => products.updateMany({ title: 'z' }, { title: 'x' }),
    result: 0
  },
  { name: 'delete of an absent product', mutate: (products) => products.delete(99), result: undefined },
  { name: 'deleteMany of no ids', mutate: (products) => products.deleteMany([]), result: 0 },
  { name: 'deleteMany of absent ids', mutate: (products) => products.deleteMany([98, 99]), result: 0 },
  { name: 'an empty transaction', mutate: (products) => products.transaction(() => 'nothing'), result: 'nothing' }
]
