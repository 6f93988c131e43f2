import { sleep } from '../concurrency/sleep.js';
import { boundedFetch } from '../net/bounded-fetch.js';
import type { FaultLog } from '../telemetry/fault-log.js';

/** A single failure may be a short pause of the process or of the machine. */
const FAILURES = 2;
const MAX_BYTES = 100_000;

export interface WatchAnswersOptions {
  /** The faults of the process, which end when it answers or its successor is ready. */
  fault: FaultLog;
  /** Milliseconds between two requests. The time limit of each is half of it, and a request that failed is repeated after a
   *  quarter. */
  interval: number;
  signal: AbortSignal;
}

/** Logs a warning when a process no longer answers HTTP requests, and another one when it answers again. The fault begins
 *  with the last answer. Any status is an answer. Resolves when `signal` aborts; never rejects. */
export async function watchAnswers(
  { name, pid, url }: { name: string; pid: number | undefined; url: string },
  { fault, interval, signal }: WatchAnswersOptions,
): Promise<void> {
  let answeredAt = performance.now();
  for (let failures = 0; ;) {
    await sleep(failures === 0 ? interval : interval / 4, signal);
    const answered = await answers(url, interval / 2, signal);
    if (signal.aborted) return;
    if (answered) {
      answeredAt = performance.now();
      fault.recovered('a process answers again', { child: name, pid });
    }
    failures = answered ? 0 : failures + 1;
    if (failures === FAILURES) {
      const message = 'a process does not answer: it is stopped, or its event loop is blocked';
      fault.failed(message, { child: name, pid }, 'silent', answeredAt);
    }
  }
}

async function answers(url: string, timeout: number, signal: AbortSignal): Promise<boolean> {
  try {
    await boundedFetch(new URL('/livez', url), { timeout, maxBytes: MAX_BYTES, signal });
    return true;
  } catch {
    return false;
  }
}
