/** Writes a name so that SQL reads it as one. */
export function quote (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
