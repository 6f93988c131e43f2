import { sleep } from '../../../concurrency/sleep.js';
import { messageOf } from '../../../errors.js';
import type { RunningLoad } from '../../../fleet/load.js';
import { LoadTally, type LoadCounts } from './tally.js';

/** Requests at the same time; and accepted items that have not ended, above which nothing is sent. */
const MAX_SENDING = 100;
const MAX_OPEN = 10_000;
const TICK_MS = 10;
const POLL_INTERVAL_MS = 250;
/** What could not be sent in time is made up for at most this long. */
const CATCH_UP_MS = 1_000;
/** How long items may take to end after the last one was sent. */
const SETTLE_LIMIT_MS = 30_000;

export interface RunLoadOptions {
  /** Items per second. */
  rate: number;
  /** Milliseconds; undefined: until the signal aborts. */
  duration: number | undefined;
  /** Milliseconds between two reports. */
  interval: number;
  onInterval: (counts: LoadCounts) => void;
  /** Ends the run at once. */
  signal: AbortSignal;
}

/** The end of a run. */
export interface LoadSummary extends LoadCounts {
  /** The latest reason for which an item was refused, or its end could not be read. */
  reason: string | undefined;
}

/** Sends items at a rate, waits until they have ended, for 30 s at most, and counts them. */
export async function runLoad(load: RunningLoad, options: RunLoadOptions): Promise<LoadSummary> {
  const { duration = Infinity, interval, onInterval, signal } = options;
  const tally = new LoadTally();
  const open = new Set<string>();
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  let reason: string | undefined;
  let sentFor = 0;
  const counts = () => tally.counts({ seconds: elapsed() / 1000, sending: (sentFor || elapsed()) / 1000 });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);

  const polling = repeatUntil(either, POLL_INTERVAL_MS, async () => {
    if (open.size === 0) return;
    try {
      for (const item of await load.ended([...open])) if (open.delete(item.id)) tally.ended(item);
    } catch (error) {
      reason = messageOf(error);
    }
  });
  const reporting = repeatUntil(either, interval, async () => onInterval(counts()));
  await sendAtRate(load, options, {
    isFull: () => open.size >= MAX_OPEN,
    accepted: (id) => {
      tally.accepted();
      open.add(id);
    },
    refused: (error) => {
      if (signal.aborted) return;
      tally.refused();
      reason = messageOf(error);
    },
  });
  sentFor = Math.min(elapsed(), duration);
  const until = elapsed() + SETTLE_LIMIT_MS;
  while (!signal.aborted && open.size > 0 && elapsed() < until) await sleep(TICK_MS, signal);
  over.abort();
  await Promise.all([polling, reporting]);
  return { ...counts(), reason };
}

/** Resolves when the time is over and all requests are answered, or when the signal aborts. */
async function sendAtRate(
  load: RunningLoad,
  { rate, duration = Infinity, signal }: RunLoadOptions,
  on: { isFull: () => boolean; accepted: (id: string) => void; refused: (error: unknown) => void },
): Promise<void> {
  const begun = performance.now();
  const sending = new Set<Promise<void>>();
  let sent = 0;
  for (let now = 0; now < duration && !signal.aborted; now = performance.now() - begun) {
    const due = (now * rate) / 1000;
    sent = Math.max(sent, due - (CATCH_UP_MS * rate) / 1000);
    for (; sent < due && sending.size < MAX_SENDING && !on.isFull(); sent += 1) {
      const sendingOne = load.send().then(on.accepted, on.refused);
      sending.add(sendingOne);
      void sendingOne.finally(() => sending.delete(sendingOne));
    }
    await sleep(Math.min(TICK_MS, duration - now), signal);
  }
  await Promise.race([Promise.all(sending), new Promise((resolve) => onAbort(signal, () => resolve(undefined)))]);
}

function onAbort(signal: AbortSignal, work: () => void): void {
  if (signal.aborted) work();
  else signal.addEventListener('abort', work, { once: true });
}

async function repeatUntil(signal: AbortSignal, interval: number, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await sleep(interval, signal);
    if (!signal.aborted) await work();
  }
}
