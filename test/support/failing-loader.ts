/** A loader that always fails, as if its upstream were down. */
export function failingLoader (): never {
  throw new Error('upstream down')
}
