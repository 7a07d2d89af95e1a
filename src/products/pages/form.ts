import type { FastifyRequest } from 'fastify'
import { PRICE_MAX_LENGTH, TITLE_MAX_LENGTH } from '../product.ts'
import type { ProductFields } from '../repository.ts'

/** The values of a form, and what is wrong with them. */
export interface ProductForm extends ProductFields {
  errors: FormErrors
  /** A price that may be a mistake, and can be saved all the same. */
  priceWarning?: string
}

/** What is wrong with each field, and with the form if it is none of its fields. */
export interface FormErrors { title?: string, price?: string, form?: string }

/** The form of a new product. */
export const EMPTY_FORM: ProductForm = { title: '', price: '', errors: {} }

/** Characters of which something can be seen. Control characters are stored, but a person has not meant them. */
const VISIBLE = /[^\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Text with a number that is not negative: `2.50`, `2,50 €`, `EUR 1'000.–`. */
const LIKE_A_PRICE = /^[^\p{Nd}\-−–]*\p{Nd}/u

/** Creates the form of a product as it is. */
export function createForm ({ title, price }: ProductFields, errors: FormErrors = {}): ProductForm {
  const doubtful = errors.price === undefined && price !== '' && !isLikePrice(price)
  return {
    title,
    price,
    errors,
    ...doubtful && { priceWarning: 'This does not look like a price, such as 2.50. You can save it all the same.' }
  }
}

/** Reads the values of a form that cannot be saved, to show them again. Returns `undefined` for a valid form. */
export function readInvalidForm ({ validationError, body }: FastifyRequest): ProductForm | undefined {
  const values = (body ?? {}) as Record<string, unknown>
  const errors: FormErrors = {}
  const title = checkText(values['title'], 'a title', TITLE_MAX_LENGTH)
  const price = checkText(values['price'], 'a price', PRICE_MAX_LENGTH)
  if (title !== undefined) errors.title = title
  if (price !== undefined) errors.price = price
  if (title === undefined && price === undefined) {
    if (validationError === undefined) return undefined
    errors.form = `The form ${validationError.message.replace(/^body /, '')}. Load the page again.`
  }
  const read = (name: string) => typeof values[name] === 'string' ? values[name] : ''
  return createForm({ title: read('title'), price: read('price') }, errors)
}

/** Returns whether a text may be a price. It is free text, so this is for warnings only. */
export function isLikePrice (text: string): boolean {
  return LIKE_A_PRICE.test(text)
}

/** Returns what is wrong with a text, in words for the person who has entered it. */
function checkText (text: unknown, what: string, maxLength: number): string | undefined {
  if (typeof text !== 'string' || !VISIBLE.test(text)) return `Enter ${what}.`
  const { length } = Array.from(text)
  if (length > maxLength) return `Enter ${what} of at most ${maxLength} characters. This one has ${length}.`
  if (text.includes('\0') || !text.isWellFormed()) {
    return `Enter ${what} without characters that cannot be stored (NUL, or half of a pair).`
  }
  return undefined
}
