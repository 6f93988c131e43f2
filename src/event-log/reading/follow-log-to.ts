import type { Broker, StreamEntry } from '../../broker/broker.js';
import { FlotillaError } from '../../errors.js';
import { formatDuration } from '../../duration.js';
import { followLog, type FollowLogOptions } from './follow-log.js';

export interface FollowLogToOptions extends FollowLogOptions {
  /** The offset of the last entry to read. */
  last: number;
  /** Milliseconds without an entry after which the log counts as unreachable. */
  idle: number;
}

/** Reads the log in order up to an offset, in batches; the last one may contain later entries. Ends early when the signal
 *  aborts. Throws `log.unreachable` if the log delivers nothing before its end, and `broker.closed`. */
export async function* followLogTo(
  broker: Pick<Broker, 'readStream' | 'onState' | 'state'>,
  stream: string,
  { last, idle, ...options }: FollowLogToOptions,
): AsyncGenerator<StreamEntry[]> {
  const silence = new AbortController();
  const watch = () => setTimeout(() => silence.abort(), idle);
  let timer = watch();
  try {
    const signal = AbortSignal.any([options.signal, silence.signal]);
    for await (const batch of followLog(broker, stream, { ...options, signal })) {
      clearTimeout(timer);
      yield batch;
      if ((batch.at(-1)?.offset ?? 0) >= last) return;
      timer = watch();
    }
  } finally {
    clearTimeout(timer);
  }
  if (options.signal.aborted) return;
  const detail = `${stream}: it delivered nothing for ${formatDuration(idle)}, before its end`;
  throw new FlotillaError('log.unreachable', detail);
}
