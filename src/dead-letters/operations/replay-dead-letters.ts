import type { Broker, Publisher } from '../../broker/broker.js';
import { sleep } from '../../concurrency/sleep.js';
import { errorOf, hasCode, messageOf } from '../../errors.js';
import { newId } from '../../events/ids.js';
import { failpoint } from '../../failpoints.js';
import type { Store } from '../../store/store.js';
import { appendLifecycleEvent } from '../lifecycle-events.js';
import { audit, replayDetail } from '../storage/audit.js';
import { claimForReplay, isClaimed, releaseClaim, returnToDead } from '../storage/replay-claims.js';
import type { DeadLetterState, StoredDeadLetter } from '../dead-letter.js';
import { checkDeadLetter, type CheckContext } from './check-dead-letter.js';
import { replayMessage } from './replay-message.js';
import { findDeadLetter, selectDeadLetters, type Selected, type Selection } from '../storage/queries.js';

/** What replaying and editing dead letters uses; `FleetSession.deadLetters` opens it. */
export interface DeadLetterContext extends CheckContext {
  store: Store;
  broker: Pick<Broker, 'queueDepth' | 'createPublisher'>;
  now: () => number;
}

/** Which dead letters `replayDeadLetters` sends, and how. */
export interface ReplayDeadLettersOptions {
  selection: Selection;
  /** The operator, for the audit. */
  who: string;
  /** The target worker. @default the worker that dead-lettered each of them */
  to?: string | undefined;
  /** Only checks each of them. */
  dryRun?: boolean | undefined;
  /** Also sends dead letters that would fail their schema again, and obsolete commands. */
  force?: boolean | undefined;
  /** Sends messages without a valid signature as the fleet's own. */
  vouch?: boolean | undefined;
  /** Maximum number of messages in total. */
  limit?: number | undefined;
  /** Maximum number of messages per second. */
  rate?: number | undefined;
  /** The claim of the edit whose replacement is sent. @default a new claim */
  claim?: string | undefined;
  signal: AbortSignal;
  onResult?: (result: DeadLetterReplayResult, done: number, total: number) => void;
}

/** What happened to one dead letter. */
export interface DeadLetterReplayResult {
  id: string;
  worker: string;
  type: string | null;
  subject: string | null;
  /** `skipped`: another run is replaying it, or has settled it since the selection. */
  outcome: 'sent' | 'ready' | 'refused' | 'failed' | 'skipped';
  /** Why it was refused, was skipped or has failed; or a remark. */
  detail: string;
}

/** Counts every selected dead letter once. */
export interface DeadLetterReplaySummary {
  selected: number;
  sent: number;
  /** In a dry run: those that would be sent. */
  ready: number;
  refused: number;
  failed: number;
  /** Claimed by another run, or not processed before `signal` aborted. */
  skipped: number;
}

/** Maximum number of messages in flight, whose bodies are in memory. */
const BATCH_SIZE = 20;
const BROKER_TIMEOUT_MS = 30_000;
/** Errors after which the broker certainly does not have the message. */
const REFUSALS = ['broker.returned', 'broker.nacked', 'broker.unencodable'] as const;

/** Replays dead letters to their workers. Each is checked, claimed, published with a confirm, and marked as replayed;
 *  of concurrent runs only one sends it. If the process ends in between, the dead letter stays `replaying`: when the
 *  claim has expired (`CLAIM_TTL_MS`), another run sends it again, and the worker's inbox detects the duplicate.
 *  Resolves when all are processed, or after the current batch when `signal` aborts. Rejects with `broker.*` if the
 *  connection is lost; the dead letters sent until then are marked. */
export async function replayDeadLetters(
  context: DeadLetterContext,
  options: ReplayDeadLettersOptions,
): Promise<DeadLetterReplaySummary> {
  const { selection, limit, rate, signal } = options;
  const selected = await selectDeadLetters(context.store, selection, {
    states: ['dead', 'replaying'],
    now: context.now(),
    limit,
  });
  const summary: DeadLetterReplaySummary = {
    selected: selected.length,
    sent: 0,
    ready: 0,
    refused: 0,
    failed: 0,
    skipped: 0,
  };
  let done = 0;
  const report = (result: DeadLetterReplayResult) => {
    summary[result.outcome] += 1;
    done += 1;
    options.onResult?.(result, done, selected.length);
  };
  const size = rate === undefined ? BATCH_SIZE : Math.max(1, Math.min(BATCH_SIZE, Math.floor(rate / 2)));
  const claim = options.claim ?? newId(context.now());
  const publisher = context.broker.createPublisher();
  try {
    for (let at = 0; at < selected.length && !signal.aborted; at += size) {
      const batch = selected.slice(at, at + size);
      const sendable = await checkAll(context, options, batch, report);
      await sendBatch(context, options, publisher, sendable, claim, report);
      if (rate !== undefined && options.dryRun !== true && at + size < selected.length) {
        await sleep((batch.length / rate) * 1000, signal);
      }
    }
  } finally {
    await publisher.close();
    if (options.dryRun !== true) await releaseClaim(context.store, claim);
  }
  summary.skipped += selected.length - done;
  return summary;
}

type Report = (result: DeadLetterReplayResult) => void;

async function checkAll(
  context: DeadLetterContext,
  { dryRun, force, to, vouch }: ReplayDeadLettersOptions,
  selected: readonly Selected[],
  report: Report,
): Promise<StoredDeadLetter[]> {
  const sendable: StoredDeadLetter[] = [];
  for (const { id, state } of selected) {
    const deadLetter = await findDeadLetter(context.store, id);
    if (isUnsettled(state) && !isUnsettled(deadLetter.state)) {
      report(skipped(deadLetter));
      continue;
    }
    const { refusal, note } = await checkDeadLetter(deadLetter, context, { to, vouch });
    if (refusal !== undefined && !(refusal.forcible && force === true)) {
      const hint = refusal.forcible ? ' (--force sends it anyway)' : '';
      report(resultOf(deadLetter, 'refused', `${refusal.message}${hint}`));
    } else if (dryRun === true) {
      if (isClaimed(deadLetter, context.now())) report(skipped(deadLetter));
      else report(resultOf(deadLetter, 'ready', note ?? refusal?.message ?? ''));
    } else {
      sendable.push(deadLetter);
    }
  }
  return sendable;
}

async function sendBatch(
  context: DeadLetterContext,
  { who, to, vouch, signal }: ReplayDeadLettersOptions,
  publisher: Publisher,
  deadLetters: readonly StoredDeadLetter[],
  claim: string,
  report: Report,
): Promise<void> {
  if (deadLetters.length === 0) return;
  const { store, now } = context;
  await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(BROKER_TIMEOUT_MS)]));
  const ids = deadLetters.map(({ id }) => id);
  const claimed = await claimForReplay(store, ids, { id: claim, now: now() });
  for (const { id } of deadLetters) {
    if (!claimed.some((deadLetter) => deadLetter.id === id)) report(skipped(await findDeadLetter(store, id)));
  }
  const outcomes = await Promise.allSettled(
    claimed.map(async (deadLetter) => {
      await publisher.publish(replayMessage(deadLetter, context.names, { to, vouch }));
      failpoint('dead_letter.replayed');
    }),
  );
  const sent = claimed.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  await markReplayed(context, sent, { who, to, vouch, claim });
  for (const deadLetter of sent) report(resultOf(deadLetter, 'sent', ''));
  const refused: string[] = [];
  let lost: Error | undefined;
  for (const [index, outcome] of outcomes.entries()) {
    const deadLetter = claimed[index];
    if (outcome.status === 'fulfilled' || deadLetter === undefined) continue;
    const reason: unknown = outcome.reason;
    if (REFUSALS.some((code) => hasCode(reason, code))) refused.push(deadLetter.id);
    else lost ??= errorOf(reason);
    report(resultOf(deadLetter, 'failed', messageOf(reason)));
  }
  await returnToDead(store, refused, claim);
  if (lost !== undefined) throw lost;
}

async function markReplayed(
  { store, now }: Pick<DeadLetterContext, 'store' | 'now'>,
  deadLetters: readonly StoredDeadLetter[],
  { who, to, vouch, claim }: Pick<ReplayDeadLettersOptions, 'who' | 'to' | 'vouch'> & { claim: string },
): Promise<void> {
  if (deadLetters.length === 0) return;
  const time = now();
  const at = new Date(time).toISOString();
  const entries = deadLetters.map((deadLetter) => ({ deadLetter, auditId: newId(time) }));
  await store.transaction(async (tx) => {
    for (const { deadLetter, auditId } of entries) {
      const marked = await tx.sql`
        UPDATE dead_letters SET state = 'replayed', settled_at = ${at}, settled_by = ${who},
          claim = NULL, claimed_until = NULL
        WHERE id = ${deadLetter.id} AND claim = ${claim} RETURNING id`;
      const isVouchedFor = vouch === true && deadLetter.origin !== 'fleet';
      const detail = replayDetail({ as: deadLetter.replacement?.id, to, isVouchedFor });
      await audit(tx.sql, { id: auditId, deadLetterId: deadLetter.id, at, who, action: 'replayed', detail });
      // dead-lettered again, or taken over by another run: their events are newer than this one
      if (marked.length === 0) continue;
      await appendLifecycleEvent(tx, { source: store.service, now: time, occasion: deadLetter.replays }, deadLetter, {
        type: 'message.replayed',
      });
    }
  });
}

function isUnsettled(state: DeadLetterState): boolean {
  return state === 'dead' || state === 'replaying';
}

function skipped(deadLetter: StoredDeadLetter): DeadLetterReplayResult {
  const { state, claimedUntil } = deadLetter;
  if (!isUnsettled(state)) return resultOf(deadLetter, 'skipped', `it was ${state} meanwhile`);
  const until = claimedUntil === null ? '' : `; if that run was killed, replay it again after ${claimedUntil}`;
  return resultOf(deadLetter, 'skipped', `another run is replaying it${until}`);
}

function resultOf(
  deadLetter: StoredDeadLetter,
  outcome: DeadLetterReplayResult['outcome'],
  detail: string,
): DeadLetterReplayResult {
  const { id, worker, type, subject } = deadLetter;
  return { id, worker, type, subject, outcome, detail };
}
