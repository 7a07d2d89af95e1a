import { readFile } from 'node:fs/promises'

/**
 * Reads a certificate with its key, signed by `ca`: that of the server `localhost`, or of the clients `ann` and `bob`.
 *
 * They were made for the tests with `openssl ca`, and are valid from 2020 to 2120.
 */
export async function readCertificate (name: 'ca' | 'localhost' | 'ann' | 'bob'): Promise<string> {
  return await readFile(new URL(`certificates/${name}.pem`, import.meta.url), 'utf8')
}
