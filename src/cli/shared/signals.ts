/** The two requests to end this process. */
export interface Signals {
  /** Stop cleanly: finish the current work. */
  readonly stop: AbortSignal;
  /** Exit immediately. */
  readonly force: AbortSignal;
}

/** Milliseconds in which a repeated signal is ignored: the process group receives it, and npm or `bin/flotilla`
 *  forwards it. */
const SAME_SIGNAL_MS = 300;

/** Converts signals of the operating system to abort signals: the first one stops the process cleanly, a later one
 *  forces its exit. A process with a supervisor also stops when the supervisor has ended. */
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
    // the listeners alone must not keep the process alive
    process.channel.unref();
  }
  return { stop: stop.signal, force: force.signal };
}
