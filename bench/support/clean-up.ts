const pending = new Set<() => Promise<void>>();

/** Registers work that must be done before the program ends, also after an error or a signal. Returns a function that
 *  does it earlier; it is done only once. */
export function atEnd(work: () => Promise<unknown>): () => Promise<void> {
  let done: Promise<void> | undefined;
  const once = () => {
    done ??= work().then(
      () => void pending.delete(once),
      (error: unknown) => {
        pending.delete(once);
        throw error;
      },
    );
    return done;
  };
  pending.add(once);
  return once;
}

/** Does all registered work, in reverse order, and reports failures on standard error. */
export async function cleanUpAtEnd(): Promise<void> {
  for (const once of [...pending].reverse()) await once().catch((error: unknown) => console.error(error));
}
