import { messageOf } from '../errors.js';
import { formatDuration } from '../duration.js';

/** The answer of a source, or the reason why it is unknown. */
export type Answer<T> = { known: true; value: T } | { known: false; reason: string };

/** Queries one of several sources for at most `limit` milliseconds. Never rejects: the failure of one source does
 *  not affect the others. Late work is not awaited; its failure is ignored. */
export async function withinLimit<T>(limit: number, work: () => Promise<T>): Promise<Answer<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer<T>>((resolve) => {
    timer = setTimeout(() => resolve({ known: false, reason: `no answer within ${formatDuration(limit)}` }), limit);
  });
  const answered = (async (): Promise<Answer<T>> => {
    try {
      return { known: true, value: await work() };
    } catch (error) {
      return { known: false, reason: messageOf(error) };
    }
  })();
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the known value, or null. */
export function valueOf<T>(answer: Answer<T>): T | null {
  return answer.known ? answer.value : null;
}
