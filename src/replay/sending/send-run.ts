import { setTimeout as sleep } from 'node:timers/promises';
import type { Publisher } from '../../broker/broker.js';
import type { Fields } from '../../broker/messages/amqp-fields.js';
import { FlotillaError } from '../../errors.js';
import { failpoint } from '../../failpoints.js';
import { writeReplayHeaders } from '../../worker/pipeline/replay-headers.js';
import type { RunHeartbeat } from '../runs/run-heartbeat.js';
import type { HistoryEntry, HistoryPage } from '../history/history.js';
import { consumedQueues } from '../../broker/topology/partition-sets.js';
import { queuesOf } from '../../worker/definition/queues.js';
import { waitForRoom } from './throttle.js';
import type { ReplayContext } from '../replay-context.js';
import { placeOf, type ReplayCallbacks, type StoredRun } from '../runs/replay-run.js';
import { historyMessage, publishAll, whileConnected } from './publish-history.js';
import { filterOf, selector, type EventSelection } from '../select-events.js';

const DEFAULT_WINDOW = 200;
/** Progress is stored at this interval while no events are sent. */
const SAVE_INTERVAL_MS = 1000;

export interface RunOptions extends ReplayCallbacks {
  signal: AbortSignal;
}

/** Sends the rest of a replay in windows. Each window is confirmed before its place is stored, so that an interruption
 *  causes duplicates, which the worker's inbox detects, and never a lost message. Resolves with true when all events
 *  are sent, with false if the signal aborted first. Rejects with `broker.*`, `log.*` or `replay.*` if it cannot
 *  continue. */
export async function sendRun(
  context: ReplayContext,
  heartbeat: RunHeartbeat,
  { signal, onProgress, onThrottle }: RunOptions,
): Promise<boolean> {
  const { history, worker, broker } = context;
  const { end, selection } = heartbeat.run;
  if (end === null) return true;
  const range = { after: placeOf(heartbeat.run), end, filter: filterOf(worker, selection) };
  const size = onProgress === undefined ? 0 : await history.size(range);
  const publisher = broker.createPublisher();
  const stop = AbortSignal.any([signal, heartbeat.lost]);
  const sender = new Sender(context, heartbeat, publisher, stop, onThrottle);
  let scanned = 0;
  try {
    for await (const page of history.read({ ...range, signal: stop })) {
      if (!(await sender.send(page))) break;
      scanned += page.scanned;
      onProgress?.(scanned, size, heartbeat.run.counts.sent);
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await publisher.close();
  }
  if (signal.aborted) return false;
  if (heartbeat.lost.aborted)
    throw new FlotillaError('replay.refused', `another process has taken over ${heartbeat.run.id}`);
  await sender.save();
  return true;
}

/** Sends page by page, and stores the place up to which all messages are confirmed. */
class Sender {
  readonly #headers: Fields;
  readonly #select: (event: HistoryEntry['event']) => EventSelection;
  #run: StoredRun;
  #waiting: HistoryEntry[] = [];
  #savedAt = performance.now();

  constructor(
    private readonly context: ReplayContext,
    private readonly heartbeat: RunHeartbeat,
    private readonly publisher: Publisher,
    private readonly signal: AbortSignal,
    private readonly onThrottle: RunOptions['onThrottle'],
  ) {
    const { run } = heartbeat;
    const { worker, memory, now } = context;
    this.#run = run;
    this.#headers = writeReplayHeaders({ run: run.id, again: run.again !== null, sideEffects: run.sideEffects });
    this.#select = selector(worker, run.selection, run.again !== null || run.force ? undefined : now() - memory);
  }

  /** Returns false when the limit is reached. */
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
    else if (performance.now() - this.#savedAt > SAVE_INTERVAL_MS) await this.save();
    return !this.#isFull();
  }

  async save(): Promise<void> {
    this.#savedAt = performance.now();
    const { place, mark, counts } = this.#run;
    await this.heartbeat.save({ place, mark, counts });
  }

  #isFull(): boolean {
    const { limit, counts } = this.#run;
    return limit !== null && counts.sent >= limit;
  }

  #note(entry: HistoryEntry): void {
    const counts = { ...this.#run.counts };
    const selected = this.#select(entry.event);
    if (selected === 'command') counts.skippedCommands += 1;
    if (selected === 'too_old') counts.tooOld += 1;
    if (selected === 'send') {
      const { type } = entry.event;
      counts.sent += 1;
      counts.byType = { ...counts.byType, [type]: (counts.byType[type] ?? 0) + 1 };
      this.#waiting.push(entry);
    }
    this.#run = { ...this.#run, place: entry.place, mark: entry.mark, counts };
  }

  /** Half a second's worth of messages at the given rate, at most the window. */
  #window(): number {
    const { limits } = this.context;
    const { rate } = this.#run;
    const window = limits?.window ?? DEFAULT_WINDOW;
    return rate === null ? window : Math.max(1, Math.min(window, Math.floor(rate / 2)));
  }

  async #flush(): Promise<void> {
    const entries = this.#waiting;
    this.#waiting = [];
    const { context, publisher, signal, onThrottle } = this;
    const { worker, names, broker } = context;
    const began = performance.now();
    await whileConnected(publisher, signal, async () => {
      const queues = await consumedQueues(broker, queuesOf(worker), names);
      await waitForRoom(broker, queues, { ...context.limits, signal, onThrottle });
    });
    const messages = entries.map((entry) => historyMessage(entry, { worker, names, headers: this.#headers }));
    await publishAll(publisher, messages, signal);
    failpoint('replay.confirmed');
    await this.save();
    const { rate } = this.#run;
    if (rate === null) return;
    const left = (entries.length / rate) * 1000 - (performance.now() - began);
    if (left > 0) await sleep(left, undefined, { signal });
  }
}
