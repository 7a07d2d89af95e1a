import type { Result } from './lines.ts'
export async function plot (_results: Result[]): Promise<string | undefined> { return undefined }
