import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'];

/** Calls `work` with an AbortSignal that aborts at the first SIGINT or SIGTERM; these do not end this process. Resolves
 *  with the result of `work`, an exit code, or after a signal with the exit code of the signal. */
export async function interruptible(work) {
  const interrupted = new AbortController();
  let code;
  const interrupt = (signal) => {
    code ??= 128 + constants.signals[signal];
    interrupted.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    const result = await work(interrupted.signal);
    return code ?? result;
  } catch (error) {
    if (code === undefined) throw error;
    return code;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}
