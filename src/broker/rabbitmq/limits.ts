import { FlotillaError } from '../../errors.js';
import { formatDuration } from '../../duration.js';

/** Maximum time for the broker's answer to a single request, in milliseconds. A healthy broker needs a few. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Settles as `work` does, or rejects with `broker.timeout` after `limit` milliseconds. */
export async function within<T>(limit: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new FlotillaError('broker.timeout', `${what} took over ${formatDuration(limit)}`)),
      limit,
    );
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
