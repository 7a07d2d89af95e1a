import t from 'tap'
import { postgres } from '../../support/product-databases.ts'
import { productsContract } from '../../support/products-contract/index.ts'

await productsContract(t, postgres)
