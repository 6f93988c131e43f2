/** Runs one slow step, and prints what it does, why, and how long it took. */
export async function timed<T>(
  say: (line: string) => void,
  what: string,
  why: string,
  work: () => Promise<T>,
): Promise<T> {
  say(`${what} (${why}) …`);
  const began = performance.now();
  const result = await work();
  say(`${what} took ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return result;
}
