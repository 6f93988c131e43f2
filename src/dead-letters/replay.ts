import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker, Publisher } from '../broker/contract.js';
import { hasCode, messageOf } from '../errors.js';
import { newId } from '../events/ids.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/contract.js';
import { announce } from './announce.js';
import { audit } from './audit.js';
import type { KeptDeadLetter } from './dead-letter.js';
import { examine, type Examiner } from './examine.js';
import { outgoingOf } from './outgoing.js';
import { findDeadLetter } from './queries.js';
import { selectDeadLetters, type Selection } from './selection.js';

export interface Replayer extends Examiner {
  store: Store;
  broker: Pick<Broker, 'queueDepth' | 'createPublisher'>;
  now: () => number;
}

export interface ReplayOptions {
  selection: Selection;
  /** Who does it, for the audit. */
  who: string;
  /** Only looks what would become of each. */
  dryRun?: boolean | undefined;
  /** Sends also what would fail its schema again, or is not wanted any more. */
  force?: boolean | undefined;
  /** At most so many in all. */
  limit?: number | undefined;
  /** At most so many a second. */
  rate?: number | undefined;
  signal: AbortSignal;
  onResult?: (result: ReplayResult, done: number, total: number) => void;
}

export interface ReplayResult {
  id: string;
  worker: string;
  type: string | null;
  subject: string | null;
  outcome: 'sent' | 'ready' | 'refused' | 'failed';
  /** Why it was refused or has failed, or what is good to know. */
  detail: string;
}

export interface ReplaySummary {
  selected: number;
  sent: number;
  /** Of a dry run: what would be sent. */
  ready: number;
  refused: number;
  failed: number;
}

/** Messages in hand at once: bodies are in memory then. */
const BATCH = 20;
const BROKER_LIMIT = 30_000;

/**
 * Sends dead letters to their workers again. Each is marked, published with a confirm, then marked as done: where the
 * process ends in between it stays `replaying`, and doing this again sends it again, which the worker's inbox
 * recognises. Resolves when all are done, or at the end of the batch in hand when `signal` aborts. Rejects with
 * `broker.*` when the broker went away in between; what was sent by then is marked.
 */
export async function replayDeadLetters(replayer: Replayer, options: ReplayOptions): Promise<ReplaySummary> {
  const { selection, limit, rate, signal } = options;
  const ids = await selectDeadLetters(replayer.store, selection, {
    states: ['dead', 'replaying'],
    now: replayer.now(),
    limit,
  });
  const summary: ReplaySummary = { selected: ids.length, sent: 0, ready: 0, refused: 0, failed: 0 };
  const report = (result: ReplayResult) => {
    summary[result.outcome] += 1;
    const { sent, ready, refused, failed } = summary;
    options.onResult?.(result, sent + ready + refused + failed, ids.length);
  };
  const size = rate === undefined ? BATCH : Math.max(1, Math.min(BATCH, Math.floor(rate / 2)));
  const publisher = replayer.broker.createPublisher();
  try {
    for (let at = 0; at < ids.length && !signal.aborted; at += size) {
      const batch = ids.slice(at, at + size);
      const sendable = await examineAll(replayer, options, batch, report);
      await sendAll(replayer, options, publisher, sendable, report);
      if (rate !== undefined && options.dryRun !== true && at + size < ids.length) {
        await pause((batch.length / rate) * 1000, signal);
      }
    }
  } finally {
    await publisher.close();
  }
  return summary;
}

type Report = (result: ReplayResult) => void;

async function examineAll(
  replayer: Replayer,
  { dryRun, force }: ReplayOptions,
  ids: readonly string[],
  report: Report,
): Promise<KeptDeadLetter[]> {
  const sendable: KeptDeadLetter[] = [];
  for (const id of ids) {
    const letter = await findDeadLetter(replayer.store, id);
    const { refusal, note } = await examine(letter, replayer);
    if (refusal !== undefined && !(refusal.forcible && force === true)) {
      const hint = refusal.forcible ? ' (--force sends it all the same)' : '';
      report(resultOf(letter, 'refused', `${refusal.message}${hint}`));
    } else if (dryRun === true) {
      report(resultOf(letter, 'ready', note ?? refusal?.message ?? ''));
    } else {
      sendable.push(letter);
    }
  }
  return sendable;
}

async function sendAll(
  replayer: Replayer,
  { who, signal }: ReplayOptions,
  publisher: Publisher,
  letters: readonly KeptDeadLetter[],
  report: Report,
): Promise<void> {
  if (letters.length === 0) return;
  await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(BROKER_LIMIT)]));
  const marked = await markReplaying(replayer.store, letters);
  const outcomes = await Promise.allSettled(
    marked.map(async (letter) => {
      await publisher.publish(outgoingOf(letter, replayer.names));
      failpoint('dead_letter.replayed');
    }),
  );
  const sent = marked.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  await markReplayed(replayer, sent, who);
  for (const letter of sent) report(resultOf(letter, 'sent', ''));
  let lost: Error | undefined;
  for (const [index, outcome] of outcomes.entries()) {
    const letter = marked[index];
    if (outcome.status === 'fulfilled' || letter === undefined) continue;
    const refused = hasCode(outcome.reason, 'broker.returned') || hasCode(outcome.reason, 'broker.nacked');
    if (refused) await markDead(replayer.store, letter);
    else lost ??= outcome.reason instanceof Error ? outcome.reason : new Error(messageOf(outcome.reason));
    report(resultOf(letter, 'failed', messageOf(outcome.reason)));
  }
  if (lost !== undefined) throw lost;
}

/** Those that nobody settled in the meantime. */
async function markReplaying(store: Store, letters: readonly KeptDeadLetter[]): Promise<KeptDeadLetter[]> {
  const ids = await store.transaction(async ({ sql }) => {
    const marked = new Set<string>();
    for (const { id } of letters) {
      const rows = await sql`
        UPDATE dead_letters SET state = 'replaying' WHERE id = ${id} AND state IN ('dead', 'replaying') RETURNING id`;
      if (rows.length > 0) marked.add(id);
    }
    return marked;
  });
  return letters.filter(({ id }) => ids.has(id));
}

async function markReplayed(
  { store, now }: Pick<Replayer, 'store' | 'now'>,
  letters: readonly KeptDeadLetter[],
  who: string,
): Promise<void> {
  if (letters.length === 0) return;
  const time = now();
  const at = new Date(time).toISOString();
  const entries = letters.map((letter) => ({ letter, auditId: newId(time) }));
  await store.transaction(async (tx) => {
    for (const { letter, auditId } of entries) {
      await tx.sql`
        UPDATE dead_letters SET state = 'replayed', settled_at = ${at}, settled_by = ${who}
        WHERE id = ${letter.id} AND state = 'replaying' AND replays = ${letter.replays}`;
      const detail = letter.replacement === null ? '' : `as ${letter.replacement.id}`;
      await audit(tx.sql, { id: auditId, deadLetterId: letter.id, at, who, action: 'replayed', detail });
      await announce(tx, { source: store.service, now: time, occasion: letter.replays }, letter, {
        type: 'message.replayed',
      });
    }
  });
}

/** The broker says that it doesn't have it. */
async function markDead(store: Store, { id }: KeptDeadLetter): Promise<void> {
  await store.transaction(async ({ sql }) => {
    await sql`UPDATE dead_letters SET state = 'dead' WHERE id = ${id} AND state = 'replaying'`;
  });
}

function resultOf(letter: KeptDeadLetter, outcome: ReplayResult['outcome'], detail: string): ReplayResult {
  const { id, worker, type, subject } = letter;
  return { id, worker, type, subject, outcome, detail };
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
