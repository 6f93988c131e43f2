import { HEADERS, textHeader } from '../../broker/messages/headers.js';
import { FlotillaError } from '../../errors.js';
import { createEvent } from '../../events/create.js';
import type { UnsequencedEvent } from '../../events/envelope.js';
import { newId } from '../../events/ids.js';
import type { Store } from '../../store/store.js';
import { audit } from '../storage/audit.js';
import { claimOne } from '../storage/replay-claims.js';
import { assign, draftFrom, draftOf, unset } from './event-draft.js';
import type { StoredDeadLetter } from '../dead-letter.js';
import { findDeadLetter } from '../storage/queries.js';
import { replayDeadLetters, type DeadLetterContext } from './replay-dead-letters.js';

export interface EditOptions {
  id: string;
  who: string;
  /** Replaces the event, or its data. */
  content?: unknown;
  /** Assignments `path=value`, applied afterwards. */
  set?: readonly string[];
  unset?: readonly string[];
  /** Uses a new idempotency key for external calls instead of the key of the original event. */
  newKey?: boolean | undefined;
  /** The target worker. @default the worker that dead-lettered it */
  to?: string | undefined;
  /** Only checks, and returns the event that would be sent. */
  dryRun?: boolean | undefined;
  /** Also sends a command whose aggregate is closed. */
  force?: boolean | undefined;
  signal: AbortSignal;
}

export interface EditResult {
  event: UnsequencedEvent;
  /** The idempotency key for external calls. */
  key: string;
  /** Consequences that the operator should know. */
  warnings: string[];
  sent: boolean;
}

/** Edits a dead letter: creates a new event that is caused by the old one and passes strict validation, and sends it to
 *  the worker's queue instead of the old one; the dead letter is then marked as replayed and refers to it. The new
 *  event is committed before it is sent: if the process ends in between, a replay sends the same event. Throws
 *  `contract.*` if the new event is not valid, `dead_letter.settled`, `dead_letter.busy`, `dead_letter.refused`,
 *  `dead_letter.closed` or `broker.*`. */
export async function editDeadLetter(context: DeadLetterContext, options: EditOptions): Promise<EditResult> {
  const { store, now, definitions } = context;
  const deadLetter = await findDeadLetter(store, options.id);
  if (deadLetter.state === 'replayed' || deadLetter.state === 'discarded') {
    throw new FlotillaError('dead_letter.settled', `${deadLetter.id} is ${deadLetter.state}`);
  }
  const draft =
    options.content === undefined
      ? draftOf(deadLetter, definitions)
      : draftFrom(options.content, draftOf(deadLetter, definitions));
  for (const assignment of options.set ?? []) assign(draft, assignment);
  for (const path of options.unset ?? []) unset(draft, path);
  const time = now();
  const event = createEvent(definitions, draft.type, draft.data, {
    id: newId(time),
    source: store.service,
    subject: draft.subject,
    time: new Date(time).toISOString(),
    correlationId: deadLetter.correlationId ?? deadLetter.id,
    ...(deadLetter.eventId !== null && { causationId: deadLetter.eventId }),
  });
  const originalKey = textHeader(deadLetter.properties.headers ?? {}, HEADERS.key) ?? deadLetter.eventId;
  const key = options.newKey === true ? event.id : (originalKey ?? event.id);
  const result = { event, key, warnings: warningsFor(deadLetter, key === event.id) };
  if (options.dryRun === true) return { ...result, sent: false };

  // one claim for both steps: no other run may send the old message, or that of another edit, in between
  const claim = newId(time);
  await storeReplacement(store, deadLetter, event, {
    key,
    who: options.who,
    now: time,
    changes: describe(options),
    claim,
  });
  let refusal: string | undefined;
  await replayDeadLetters(context, {
    selection: { ids: [deadLetter.id] },
    claim,
    who: options.who,
    to: options.to,
    force: options.force,
    signal: options.signal,
    onResult: ({ outcome, detail }) => {
      if (outcome !== 'sent') refusal = detail;
    },
  });
  if (refusal !== undefined) throw new FlotillaError('dead_letter.refused', refusal);
  return { ...result, sent: !options.signal.aborted };
}

async function storeReplacement(
  store: Store,
  deadLetter: StoredDeadLetter,
  event: UnsequencedEvent,
  { key, who, now, changes, claim }: { key: string; who: string; now: number; changes: string; claim: string },
): Promise<void> {
  const body = JSON.stringify(event);
  const at = new Date(now).toISOString();
  const auditId = newId(now);
  await store.transaction(async ({ sql }) => {
    if (!(await claimOne(sql, deadLetter.id, { id: claim, now })))
      throw new FlotillaError('dead_letter.busy', deadLetter.id);
    await sql`
      UPDATE dead_letters
      SET replacement_id = ${event.id}, replacement_body = ${body}, replacement_key = ${key}
      WHERE id = ${deadLetter.id}`;
    const detail = `${event.id}: ${changes}`;
    await audit(sql, { id: auditId, deadLetterId: deadLetter.id, at, who, action: 'edited', detail });
  });
}

/** A handler that ran may have sent the key to an external service, and an attempt without an answer may have taken
 *  effect. */
function warningsFor({ attempts }: StoredDeadLetter, isNewKey: boolean): string[] {
  const reachedOutside = attempts.some(({ code }) => !code.startsWith('contract.'));
  const unanswered = attempts.filter(({ code, name, message }) => /time-?d? ?out/i.test(`${code} ${name} ${message}`));
  if (unanswered.length === 0) {
    return isNewKey || !reachedOutside
      ? []
      : ['The idempotency key is unchanged: an external service that received it with other data may reject it.'];
  }
  const what = `${unanswered.length === 1 ? 'An attempt' : `${unanswered.length} attempts`} ended without an answer`;
  return isNewKey
    ? [`${what}: with a new idempotency key, its effect may occur a second time.`]
    : [`${what}: if it took effect, the same idempotency key returns that result, for the old data.`];
}

/** Lists the changed fields without their values, which may be personal and are in the event. */
function describe({ content, set = [], unset = [] }: EditOptions): string {
  const parts = [
    ...(content === undefined ? [] : ['content replaced']),
    ...set.map((assignment) => `set ${assignment.split('=')[0] ?? ''}`),
    ...unset.map((path) => `unset ${path}`),
  ];
  return parts.join(', ') || 'unchanged';
}
