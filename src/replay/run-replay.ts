import { setTimeout as sleep } from 'node:timers/promises';
import type { Publisher } from '../broker/contract.js';
import type { Fields } from '../broker/fields.js';
import { FlotillaError } from '../errors.js';
import { failpoint } from '../failpoints.js';
import { writeReplayHeaders } from '../worker/pipeline/replay-headers.js';
import type { HeldRun } from './held-run.js';
import type { HistoryEntry, HistoryPage } from './history.js';
import { untilRoom } from './hold-back.js';
import type { Replayer } from './replayer.js';
import { placeOf, type ReplayRun } from './run.js';
import { outgoingOf, sendAll, whileConnected } from './send.js';
import { filterOf, sorter, type Verdict } from './sort.js';

const WINDOW = 200;
/** Where little is sent, how far it has come is kept so often, in milliseconds. */
const SAVE = 1000;

export interface RunOptions {
  signal: AbortSignal;
  /** Told how much of history has been looked through, and how many were sent. */
  onProgress?: (looked: number, size: number, sent: number) => void;
  /** Told when nothing is sent for a while, because the queue of the worker is full. */
  onHold?: (depth: { ready: number; consumers: number }) => void;
}

/**
 * Sends what is left of a replay, in windows: each is confirmed before its place is kept, so that an end in between
 * leads to messages sent twice, which the worker's inbox knows, and never to one that is not sent. Resolves with true
 * when all is sent, false when the signal aborted before. Rejects with `broker.*`, `log.*` or `replay.*` when it can't
 * go on.
 */
export async function sendRun(
  replayer: Replayer,
  held: HeldRun,
  { signal, onProgress, onHold }: RunOptions,
): Promise<boolean> {
  const { history, worker, broker } = replayer;
  const { end, selection } = held.run;
  if (end === null) return true;
  const range = { after: placeOf(held.run), end, filter: filterOf(worker, selection) };
  const size = onProgress === undefined ? 0 : await history.size(range);
  const publisher = broker.createPublisher();
  const stop = AbortSignal.any([signal, held.lost]);
  const sender = new Sender(replayer, held, publisher, stop, onHold);
  let looked = 0;
  try {
    for await (const page of history.read({ ...range, signal: stop })) {
      if (!(await sender.send(page))) break;
      looked += page.looked;
      onProgress?.(looked, size, held.run.counts.sent);
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await publisher.close();
  }
  if (signal.aborted) return false;
  if (held.lost.aborted) throw new FlotillaError('replay.refused', `${held.run.id} is run by another process now`);
  await sender.save();
  return true;
}

/** Sends page by page, and keeps the place up to which all is confirmed. */
class Sender {
  readonly #queue: string;
  readonly #headers: Fields;
  readonly #verdict: (event: HistoryEntry['event']) => Verdict;
  #run: ReplayRun;
  #waiting: HistoryEntry[] = [];
  #savedAt = performance.now();

  constructor(
    private readonly replayer: Replayer,
    private readonly held: HeldRun,
    private readonly publisher: Publisher,
    private readonly signal: AbortSignal,
    private readonly onHold: RunOptions['onHold'],
  ) {
    const { run } = held;
    const { names, worker, memory, now } = replayer;
    this.#run = run;
    this.#queue = names.queue(worker.name);
    this.#headers = writeReplayHeaders({ run: run.id, again: run.again !== null, sideEffects: run.sideEffects });
    this.#verdict = sorter(worker, run.selection, run.again !== null || run.force ? undefined : now() - memory);
  }

  /** False when no more are to be sent. */
  async send({ entries, place, mark, unreadable }: HistoryPage): Promise<boolean> {
    for (const entry of entries) {
      if (this.#isFull()) {
        await this.#flush();
        return false;
      }
      this.#note(entry);
      if (this.#waiting.length >= this.#window()) await this.#flush();
    }
    const { counts } = this.#run;
    this.#run = { ...this.#run, place, mark, counts: { ...counts, unreadable: counts.unreadable + unreadable } };
    if (this.#waiting.length > 0) await this.#flush();
    else if (performance.now() - this.#savedAt > SAVE) await this.save();
    return !this.#isFull();
  }

  async save(): Promise<void> {
    this.#savedAt = performance.now();
    const { place, mark, counts } = this.#run;
    await this.held.save({ place, mark, counts });
  }

  #isFull(): boolean {
    const { limit, counts } = this.#run;
    return limit !== null && counts.sent >= limit;
  }

  #note(entry: HistoryEntry): void {
    const counts = { ...this.#run.counts };
    const verdict = this.#verdict(entry.event);
    if (verdict === 'command') counts.commands += 1;
    if (verdict === 'too_old') counts.tooOld += 1;
    if (verdict === 'send') {
      const { type } = entry.event;
      counts.sent += 1;
      counts.byType = { ...counts.byType, [type]: (counts.byType[type] ?? 0) + 1 };
      this.#waiting.push(entry);
    }
    this.#run = { ...this.#run, place: entry.place, mark: entry.mark, counts };
  }

  /** So few at once that a rate is kept to within half a second. */
  #window(): number {
    const { limits } = this.replayer;
    const { rate } = this.#run;
    const window = limits?.window ?? WINDOW;
    return rate === null ? window : Math.max(1, Math.min(window, Math.floor(rate / 2)));
  }

  async #flush(): Promise<void> {
    const entries = this.#waiting;
    this.#waiting = [];
    const { replayer, publisher, signal, onHold } = this;
    const began = performance.now();
    await whileConnected(publisher, signal, () =>
      untilRoom(replayer.broker, this.#queue, { ...replayer.limits, signal, onHold }),
    );
    const messages = entries.map((entry) => outgoingOf(entry, this.#queue, this.#headers));
    await sendAll(publisher, messages, signal);
    failpoint('replay.confirmed');
    await this.save();
    const { rate } = this.#run;
    if (rate === null) return;
    const left = (entries.length / rate) * 1000 - (performance.now() - began);
    if (left > 0) await sleep(left, undefined, { signal });
  }
}
