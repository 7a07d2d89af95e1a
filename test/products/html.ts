import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { service, type Service } from './service.ts'

/** The service, with a method that submits a form. */
export interface FormService extends Service {
  submit (url: string, fields?: Fields | string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

export type Fields = Record<string, string>

export async function formService (t: Test): Promise<FormService> {
  const all = await service(t)
  const form = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' }
  return {
    ...all,
    submit: (url, fields = {}, headers = {}) => {
      return all.send('POST', url, new URLSearchParams(fields).toString(), { ...form, ...headers })
    }
  }
}

/** Reads the titles in the table, still escaped. */
export function readTitles (html: string): string[] {
  return Array.from(html.matchAll(/<th scope="row">([^]*?)<\/th>/g), ([, title]) => title!)
}

/** Reads the value of a field of the form, still escaped. */
export function readField (html: string, name: string): string | undefined {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1]
}

/** Reads the error message of the form. */
export function readError (html: string): string | undefined {
  return /role="alert">([^<]*)</.exec(html)?.[1]
}
