import { constants } from 'node:os';

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

/** Does all registered work, in reverse order, and reports failures on standard error. Includes work that is registered
 *  meanwhile, because an interrupted program continues. */
export async function cleanUpAtEnd(): Promise<void> {
  while (pending.size > 0) {
    for (const once of [...pending].reverse()) await once().catch((error: unknown) => console.error(error));
  }
}

/** After the first SIGINT or SIGTERM, does all registered work and ends the process. Further signals have no effect:
 *  after Ctrl-C, the terminal and the parent process both send one. */
export function cleanUpOnSignal(): void {
  let ending: Promise<void> | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      ending ??= cleanUpAtEnd().finally(() => process.exit(128 + constants.signals[signal]));
    });
  }
}
