import t from 'tap'
import { sqlite } from '../../support/product-databases.ts'
import { productsContract } from '../../support/products-contract/index.ts'

await productsContract(t, sqlite)
