import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker, Publisher } from '../broker/contract.js';
import { errorOf, hasCode, messageOf } from '../errors.js';
import { newId } from '../events/ids.js';
import { failpoint } from '../failpoints.js';
import type { Store } from '../store/contract.js';
import { announce } from './announce.js';
import { audit } from './audit.js';
import { claimForReplay, isClaimed, releaseClaim, returnToDead } from './claims.js';
import type { DeadLetterState, KeptDeadLetter } from './dead-letter.js';
import { examine, type Examiner } from './examine.js';
import { outgoingOf } from './outgoing.js';
import { findDeadLetter } from './queries.js';
import { selectDeadLetters, type Selected, type Selection } from './selection.js';

export interface Replayer extends Examiner {
  store: Store;
  broker: Pick<Broker, 'queueDepth' | 'createPublisher'>;
  now: () => number;
}

export interface ReplayOptions {
  selection: Selection;
  /** Who does it, for the audit. */
  who: string;
  /** The worker that gets them. @default the one of each */
  to?: string | undefined;
  /** Only looks what would become of each. */
  dryRun?: boolean | undefined;
  /** Sends also what would fail its schema again, or is not wanted any more. */
  force?: boolean | undefined;
  /** Sends messages without a valid signature as the fleet's own. */
  vouch?: boolean | undefined;
  /** At most so many in all. */
  limit?: number | undefined;
  /** At most so many a second. */
  rate?: number | undefined;
  /** Of an edit that has claimed what it replays. @default one of its own */
  claim?: string | undefined;
  signal: AbortSignal;
  onResult?: (result: ReplayResult, done: number, total: number) => void;
}

export interface ReplayResult {
  id: string;
  worker: string;
  type: string | null;
  subject: string | null;
  /** `skipped`: another run is replaying it, or has settled it since it was selected. */
  outcome: 'sent' | 'ready' | 'refused' | 'failed' | 'skipped';
  /** Why it was refused, skipped or has failed, or what is good to know. */
  detail: string;
}

/** Every selected one is counted once. */
export interface ReplaySummary {
  selected: number;
  sent: number;
  /** Of a dry run: what would be sent. */
  ready: number;
  refused: number;
  failed: number;
  /** Left to another run, or not reached before `signal` aborted. */
  skipped: number;
}

/** Messages in hand at once: bodies are in memory then. */
const BATCH = 20;
const BROKER_LIMIT = 30_000;
/** After these the broker does not have the message. */
const REFUSALS = ['broker.returned', 'broker.nacked', 'broker.unencodable'] as const;

/**
 * Sends dead letters to their workers again. Each is claimed, published with a confirm, then marked as done; of runs at
 * the same time only one sends it. Where the process ends in between it stays `replaying`: once the claim is over
 * (`CLAIM_TTL_MS`) another run sends it again, which the worker's inbox recognises. Resolves when all are done, or at the end of the batch in hand when `signal` aborts. Rejects with
 * `broker.*` when the broker went away in between; what was sent by then is marked.
 */
export async function replayDeadLetters(replayer: Replayer, options: ReplayOptions): Promise<ReplaySummary> {
  const { selection, limit, rate, signal } = options;
  const selected = await selectDeadLetters(replayer.store, selection, {
    states: ['dead', 'replaying'],
    now: replayer.now(),
    limit,
  });
  const summary: ReplaySummary = { selected: selected.length, sent: 0, ready: 0, refused: 0, failed: 0, skipped: 0 };
  let done = 0;
  const report = (result: ReplayResult) => {
    summary[result.outcome] += 1;
    done += 1;
    options.onResult?.(result, done, selected.length);
  };
  const size = rate === undefined ? BATCH : Math.max(1, Math.min(BATCH, Math.floor(rate / 2)));
  const claim = options.claim ?? newId(replayer.now());
  const publisher = replayer.broker.createPublisher();
  try {
    for (let at = 0; at < selected.length && !signal.aborted; at += size) {
      const batch = selected.slice(at, at + size);
      const sendable = await examineAll(replayer, options, batch, report);
      await sendAll(replayer, options, publisher, sendable, claim, report);
      if (rate !== undefined && options.dryRun !== true && at + size < selected.length) {
        await pause((batch.length / rate) * 1000, signal);
      }
    }
  } finally {
    await publisher.close();
    if (options.dryRun !== true) await releaseClaim(replayer.store, claim);
  }
  summary.skipped += selected.length - done;
  return summary;
}

type Report = (result: ReplayResult) => void;

async function examineAll(
  replayer: Replayer,
  { dryRun, force, to, vouch }: ReplayOptions,
  selected: readonly Selected[],
  report: Report,
): Promise<KeptDeadLetter[]> {
  const sendable: KeptDeadLetter[] = [];
  for (const { id, state } of selected) {
    const letter = await findDeadLetter(replayer.store, id);
    if (isUnsettled(state) && !isUnsettled(letter.state)) {
      report(skipped(letter));
      continue;
    }
    const { refusal, note } = await examine(letter, replayer, { to, vouch });
    if (refusal !== undefined && !(refusal.forcible && force === true)) {
      const hint = refusal.forcible ? ' (--force sends it all the same)' : '';
      report(resultOf(letter, 'refused', `${refusal.message}${hint}`));
    } else if (dryRun === true) {
      if (isClaimed(letter, replayer.now())) report(skipped(letter));
      else report(resultOf(letter, 'ready', note ?? refusal?.message ?? ''));
    } else {
      sendable.push(letter);
    }
  }
  return sendable;
}

async function sendAll(
  replayer: Replayer,
  { who, to, vouch, signal }: ReplayOptions,
  publisher: Publisher,
  letters: readonly KeptDeadLetter[],
  claim: string,
  report: Report,
): Promise<void> {
  if (letters.length === 0) return;
  const { store, now } = replayer;
  await publisher.ready(AbortSignal.any([signal, AbortSignal.timeout(BROKER_LIMIT)]));
  const ids = letters.map(({ id }) => id);
  const claimed = await claimForReplay(store, ids, { id: claim, now: now() });
  for (const { id } of letters) {
    if (!claimed.some((letter) => letter.id === id)) report(skipped(await findDeadLetter(store, id)));
  }
  const outcomes = await Promise.allSettled(
    claimed.map(async (letter) => {
      await publisher.publish(outgoingOf(letter, replayer.names, { to, vouch }));
      failpoint('dead_letter.replayed');
    }),
  );
  const sent = claimed.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  await markReplayed(replayer, sent, { who, to, vouch, claim });
  for (const letter of sent) report(resultOf(letter, 'sent', ''));
  const refused: string[] = [];
  let lost: Error | undefined;
  for (const [index, outcome] of outcomes.entries()) {
    const letter = claimed[index];
    if (outcome.status === 'fulfilled' || letter === undefined) continue;
    const reason: unknown = outcome.reason;
    if (REFUSALS.some((code) => hasCode(reason, code))) refused.push(letter.id);
    else lost ??= errorOf(reason);
    report(resultOf(letter, 'failed', messageOf(reason)));
  }
  await returnToDead(store, refused, claim);
  if (lost !== undefined) throw lost;
}

async function markReplayed(
  { store, now }: Pick<Replayer, 'store' | 'now'>,
  letters: readonly KeptDeadLetter[],
  { who, to, vouch, claim }: Pick<ReplayOptions, 'who' | 'to' | 'vouch'> & { claim: string },
): Promise<void> {
  if (letters.length === 0) return;
  const time = now();
  const at = new Date(time).toISOString();
  const entries = letters.map((letter) => ({ letter, auditId: newId(time) }));
  await store.transaction(async (tx) => {
    for (const { letter, auditId } of entries) {
      const marked = await tx.sql`
        UPDATE dead_letters SET state = 'replayed', settled_at = ${at}, settled_by = ${who},
          claim = NULL, claimed_until = NULL
        WHERE id = ${letter.id} AND claim = ${claim} RETURNING id`;
      const as = letter.replacement === null ? [] : [`as ${letter.replacement.id}`];
      const trust = vouch === true && letter.origin !== 'fleet' ? ['vouched for'] : [];
      const detail = [...as, ...(to === undefined ? [] : [`to ${to}`]), ...trust].join(' ');
      await audit(tx.sql, { id: auditId, deadLetterId: letter.id, at, who, action: 'replayed', detail });
      // it died again already, or another run took over: what is announced then is newer than this
      if (marked.length === 0) continue;
      await announce(tx, { source: store.service, now: time, occasion: letter.replays }, letter, {
        type: 'message.replayed',
      });
    }
  });
}

function isUnsettled(state: DeadLetterState): boolean {
  return state === 'dead' || state === 'replaying';
}

function skipped(letter: KeptDeadLetter): ReplayResult {
  const { state, claimedUntil } = letter;
  if (!isUnsettled(state)) return resultOf(letter, 'skipped', `it was ${state} meanwhile`);
  const until = claimedUntil === null ? '' : `; if that run was killed, replay it again after ${claimedUntil}`;
  return resultOf(letter, 'skipped', `another run is replaying it${until}`);
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
