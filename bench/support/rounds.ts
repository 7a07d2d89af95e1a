/** Returns BENCH_ROUNDS, or the usual number of rounds. One round is enough to check that everything runs. */
export const getRounds = (usual: number): number => Number(process.env['BENCH_ROUNDS'] ?? usual)
