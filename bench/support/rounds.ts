/** So many rounds, or as many as BENCH_ROUNDS says: one is enough for who only wants to see whether all runs. */
export const roundsOr = (usual: number): number => Number(process.env['BENCH_ROUNDS'] ?? usual)
