/** The two ways in which this process is told to end. */
export interface Signals {
  /** In good order: finish what was begun. */
  readonly stop: AbortSignal;
  /** At once. */
  readonly force: AbortSignal;
}

/** Turns signals of the system into abort signals: the first asks for an end in good order, the second forces it.
 *  A process that was started by a supervisor also stops when that supervisor is gone. */
export function listenForSignals(process: NodeJS.Process): Signals {
  const stop = new AbortController();
  const force = new AbortController();
  const receive = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) force.abort(new Error(`${signal}, again`));
    else stop.abort(new Error(`received ${signal}`));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, receive);
  if (process.channel) {
    process.once('disconnect', () => stop.abort(new Error('the supervisor has ended')));
    // Listening must not by itself keep a process alive that is done.
    process.channel.unref();
  }
  return { stop: stop.signal, force: force.signal };
}
