import t from 'tap'
import { isLikePrice } from '../../../src/products/pages/form.ts'

t.test('a text with a number that is not negative is like a price', async (t) => {
  for (const text of ['1', '0.50', '2,50 €', '€2', "EUR 1'000.–", '5.- a jar', '٣٫٥']) t.ok(isLikePrice(text), text)
  for (const text of ['abc', '-1', '− 1', '€ -1', '–5', 'free', '', ' ']) t.notOk(isLikePrice(text), text)
})
