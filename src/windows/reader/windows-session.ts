import type { StreamEntry } from '../../broker/broker.js';
import { SerialQueue } from '../../concurrency/serial-queue.js';
import { sleep } from '../../concurrency/sleep.js';
import { errorOf, hasCode, messageOf } from '../../errors.js';
import type { ConsumerSession } from '../../event-log/consumers/stream-consumer.js';
import { BEFORE_FIRST, type LogPosition } from '../../event-log/positions/position.js';
import { GATHER_MS, type LogPart } from '../../event-log/reading/follow-verified.js';
import type { WindowsDefinition } from '../definition.js';
import { MAX_AHEAD_MS, type Arrival } from '../engine/engine.js';
import { WindowProcessor, type Incoming } from '../processor.js';
import { decodeEntry } from './decode-entry.js';
import { Failures } from '../engine/failures.js';
import { LogEnd } from './log-end.js';
import type { RunWindowsOptions } from './options.js';
import { WorkTimer } from './work-timer.js';
import { WindowsMetrics } from './windows-metrics.js';

/** Milliseconds between two attempts to write during the end of a rewind. */
const FROZEN_INTERVAL_MS = 200;
const REMEDY = 'events are missing from the windows: compare with the stores of their services';

export interface WindowsProgress {
  /** Milliseconds since the epoch; undefined before the first event. */
  watermark: number | undefined;
  /** The number of starts of panes whose windows are not closed. */
  open: number;
}

/** Reads the log for one definition, whenever this process leads. */
export class WindowsSession {
  readonly #metrics: WindowsMetrics;
  readonly #failures = new Failures();
  #processor: WindowProcessor<LogPosition> | undefined;
  #arrivedAt = -Infinity;

  constructor(
    private readonly definition: WindowsDefinition,
    private readonly options: RunWindowsOptions,
  ) {
    this.#metrics = new WindowsMetrics(definition.name, options.metrics);
  }

  progress(): WindowsProgress {
    const { watermark, open } = this.#processor?.engine ?? { watermark: { value: -Infinity }, open: 0 };
    return { watermark: Number.isFinite(watermark.value) ? watermark.value : undefined, open };
  }

  /** Works until the session ends, or until a rewind has changed the state. */
  async run(session: ConsumerSession): Promise<void> {
    try {
      await this.#run(session);
    } catch (error) {
      this.#failures.remember(error);
      if (!hasCode(error, 'windows.frozen')) throw error;
      await sleep(FROZEN_INTERVAL_MS, session.signal, this.options.clock.after);
    }
  }

  async #run(session: ConsumerSession): Promise<void> {
    const { store, broker, stream, deriveId, clock } = this.options;
    const processor = await WindowProcessor.open<LogPosition>({
      ...{ store, definition: this.definition, deriveId, now: clock.now, position: session.checkpoint },
      commit: async (position, write) => {
        if (!session.isLeading()) return false;
        await session.moveCheckpoint(position, write);
        return session.checkpoint === position;
      },
      onWritten: (written) => {
        this.#metrics.written(written);
      },
    });
    this.#processor = processor;
    this.#arrivedAt = processor.engine.watermark.seenAt ?? -Infinity;
    session.reportOffset(session.checkpoint ?? BEFORE_FIRST);
    const end = new LogEnd(broker, stream, clock.now);
    const queue = new SerialQueue();
    const over = new AbortController();
    const failed: { error?: unknown } = {};
    const closing = this.#closing({ session, processor, end, queue });
    const ticking = closing.runUntil(AbortSignal.any([over.signal, session.signal])).catch((error: unknown) => {
      failed.error = error;
      over.abort();
    });
    try {
      for await (const part of session.follow({ from: session.checkpoint, gather: GATHER_MS, signal: over.signal })) {
        if (!session.isLeading()) break;
        await queue.run(() => this.#handle(part, { session, processor, end }));
        closing.changed();
      }
      await queue.settled();
      if (failed.error === undefined) await processor.flush();
    } finally {
      over.abort();
      await ticking;
      this.#metrics.ended();
    }
    if (failed.error !== undefined) throw errorOf(failed.error);
  }

  async #handle(part: LogPart, { session, processor, end }: Running): Promise<void> {
    if (part.kind === 'resumed') end.interrupt();
    if (part.kind === 'broken') {
      end.interrupt();
      session.alarms.raise(part.broken, REMEDY);
      if (part.broken.kind === 'reset') {
        await processor.flush();
        await session.moveCheckpoint(BEFORE_FIRST);
      }
    }
    if (part.kind !== 'entries') return;
    const { verify, definitions, emitters } = this.options;
    const options = { verify, definitions, emitters, failures: this.#failures };
    await processor.apply(this.#decoded(part.entries, options), ({ time }) => this.#arrival(time, end.isLive));
    end.read(part.entries.at(-1)?.offset ?? -1);
  }

  /** One at a time: the parts of events may be many. */
  *#decoded(
    entries: readonly StreamEntry[],
    options: Parameters<typeof decodeEntry>[2],
  ): Generator<Incoming<LogPosition>> {
    for (const entry of entries) {
      const decoded = decodeEntry(this.definition, entry, options);
      if (decoded.event !== undefined) this.#metrics.read(1);
      yield decoded;
    }
  }

  /** While history is read, the newest event time stands for the wall clock, so that sources become idle as they did
   *  when the events were published. A time that is refused does not. */
  #arrival(time: number, isLive: boolean): Arrival {
    const now = this.options.clock.now();
    if (isLive) this.#arrivedAt = now;
    else if (time <= now + MAX_AHEAD_MS) this.#arrivedAt = Math.min(now, Math.max(this.#arrivedAt, time));
    return { at: this.#arrivedAt, now };
  }

  /** Closes windows by the wall clock. */
  #closing({ session, processor, end, queue }: Running & { queue: SerialQueue }): WorkTimer {
    const { clock, logger } = this.options;
    const readUpTo = () => processor.position?.offset ?? BEFORE_FIRST.offset;
    const isAnswerNeeded = (now: number) => !end.isLive || processor.engine.couldClose(now);
    const timer = new WorkTimer(
      {
        dueAt: (now) => (end.isLive ? processor.dueAt(now) : now),
        run: async () => {
          if (!session.isLeading()) return;
          const now = clock.now();
          await queue.run(async () => {
            end.read(readUpTo());
            await processor.tick(end.complete);
          });
          this.#metrics.progress(processor.engine, now);
          if (!isAnswerNeeded(now)) return;
          void end.ask(readUpTo()).then(
            (isAnswered) => isAnswered && timer.notify(),
            (error: unknown) => {
              logger.warn('windows: the end of the log is not known', { error: messageOf(error) });
            },
          );
        },
      },
      clock,
    );
    return timer;
  }
}

interface Running {
  session: ConsumerSession;
  processor: WindowProcessor<LogPosition>;
  end: LogEnd;
}
