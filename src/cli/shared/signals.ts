/** The two ways in which this process is told to end. */
export interface Signals {
  /** In good order: finish what was begun. */
  readonly stop: AbortSignal;
  /** At once. */
  readonly force: AbortSignal;
}

/** One signal may arrive twice: sent to the process group, and forwarded by npm or by `bin/flotilla`. Milliseconds. */
const SAME_SIGNAL_MS = 300;

/** Turns signals of the system into abort signals: the first asks for an end in good order, a later one forces it.
 *  A process that was started by a supervisor also stops when that supervisor is gone. */
export function listenForSignals(process: NodeJS.Process, now: () => number = () => performance.now()): Signals {
  const stop = new AbortController();
  const force = new AbortController();
  let first: number | undefined;
  const receive = (signal: NodeJS.Signals) => {
    stop.abort(new Error(`received ${signal}`));
    first ??= now();
    if (now() - first > SAME_SIGNAL_MS) force.abort(new Error(`${signal}, again`));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive);
  if (process.channel) {
    process.once('disconnect', () => stop.abort(new Error('the supervisor has ended')));
    // Listening must not by itself keep a process alive that is done.
    process.channel.unref();
  }
  return { stop: stop.signal, force: force.signal };
}
