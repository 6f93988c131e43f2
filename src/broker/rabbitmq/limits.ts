import { FlotillaError } from '../../errors.js';
import { formatDuration } from '../../duration.js';

/** How long an answer of the broker to a single request may take, in milliseconds. A healthy one takes single ones. */
export const REQUEST_LIMIT = 30_000;

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
