import { HEADERS, textHeader } from '../broker/headers.js';
import { FlotillaError } from '../errors.js';
import { createEvent } from '../events/create.js';
import type { UnsequencedEvent } from '../events/envelope.js';
import { newId } from '../events/ids.js';
import type { Store } from '../store/contract.js';
import { audit } from './audit.js';
import { claimOne } from './claims.js';
import { assign, draftFrom, draftOf, unset } from './change-event.js';
import type { KeptDeadLetter } from './dead-letter.js';
import { findDeadLetter } from './queries.js';
import { replayDeadLetters, type Replayer } from './replay.js';

export interface EditOptions {
  id: string;
  who: string;
  /** The event, or its data, in place of what there is. */
  content?: unknown;
  /** `path=value`, applied after that. */
  set?: readonly string[];
  unset?: readonly string[];
  /** Gives the world outside a new idempotency key, instead of the original event's. */
  newKey?: boolean | undefined;
  /** The worker that gets it. @default the one that it died at */
  to?: string | undefined;
  /** Only checks, and gives what would be sent. */
  dryRun?: boolean | undefined;
  /** Sends also a command whose aggregate is closed. */
  force?: boolean | undefined;
  signal: AbortSignal;
}

export interface EditResult {
  event: UnsequencedEvent;
  /** The idempotency key for the world outside. */
  key: string;
  /** What the one who edits should know. */
  warnings: string[];
  sent: boolean;
}

/**
 * Mends a dead letter: makes a new event, caused by the old one, strictly of the schema of its type, and sends it to
 * the worker's queue in place of the old one, which is then marked as replayed and names it. The new event is
 * committed before it is sent: where the process ends in between, a replay sends that same event.
 * Throws `contract.*` when the new event is not valid, `dead_letter.settled`, `dead_letter.busy`,
 * `dead_letter.refused`, `dead_letter.closed` or `broker.*`.
 */
export async function editDeadLetter(replayer: Replayer, options: EditOptions): Promise<EditResult> {
  const { store, now, definitions } = replayer;
  const letter = await findDeadLetter(store, options.id);
  if (letter.state === 'replayed' || letter.state === 'discarded') {
    throw new FlotillaError('dead_letter.settled', `${letter.id} is ${letter.state}`);
  }
  const draft =
    options.content === undefined
      ? draftOf(letter, definitions)
      : draftFrom(options.content, draftOf(letter, definitions));
  for (const assignment of options.set ?? []) assign(draft, assignment);
  for (const path of options.unset ?? []) unset(draft, path);
  const time = now();
  const event = createEvent(definitions, draft.type, draft.data, {
    id: newId(time),
    source: store.service,
    subject: draft.subject,
    time: new Date(time).toISOString(),
    correlationId: letter.correlationId ?? letter.id,
    ...(letter.eventId !== null && { causationId: letter.eventId }),
  });
  const originalKey = textHeader(letter.properties.headers ?? {}, HEADERS.key) ?? letter.eventId;
  const key = options.newKey === true ? event.id : (originalKey ?? event.id);
  const result = { event, key, warnings: warningsFor(letter, key === event.id) };
  if (options.dryRun === true) return { ...result, sent: false };

  // one claim for both: no other run may send the old message, or another edit's, in between
  const claim = newId(time);
  await keepReplacement(store, letter, event, { key, who: options.who, now: time, changes: describe(options), claim });
  let refusal: string | undefined;
  await replayDeadLetters(replayer, {
    selection: { ids: [letter.id] },
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

async function keepReplacement(
  store: Store,
  letter: KeptDeadLetter,
  event: UnsequencedEvent,
  { key, who, now, changes, claim }: { key: string; who: string; now: number; changes: string; claim: string },
): Promise<void> {
  const body = JSON.stringify(event);
  const at = new Date(now).toISOString();
  const auditId = newId(now);
  await store.transaction(async ({ sql }) => {
    if (!(await claimOne(sql, letter.id, { id: claim, now }))) throw new FlotillaError('dead_letter.busy', letter.id);
    await sql`
      UPDATE dead_letters
      SET replacement_id = ${event.id}, replacement_body = ${body}, replacement_key = ${key}
      WHERE id = ${letter.id}`;
    const detail = `${event.id}: ${changes}`;
    await audit(sql, { id: auditId, deadLetterId: letter.id, at, who, action: 'edited', detail });
  });
}

/** A handler that ran may have shown the key to the world outside; an attempt without an answer may have done its work
 *  all the same. */
function warningsFor({ attempts }: KeptDeadLetter, isNewKey: boolean): string[] {
  const reachedOutside = attempts.some(({ code }) => !code.startsWith('contract.'));
  const unanswered = attempts.filter(({ code, name, message }) => /time-?d? ?out/i.test(`${code} ${name} ${message}`));
  if (unanswered.length === 0) {
    return isNewKey || !reachedOutside
      ? []
      : ['The idempotency key stays: who has seen it with other data may refuse it.'];
  }
  const what = `${unanswered.length === 1 ? 'An attempt' : `${unanswered.length} attempts`} ended without an answer`;
  return isNewKey
    ? [`${what}: with a new idempotency key, what was done then may be done a second time.`]
    : [`${what}: if it was done then, the same idempotency key brings back that result, for the old data.`];
}

/** Names what was changed, not the values: they may be personal, and are in the event. */
function describe({ content, set = [], unset = [] }: EditOptions): string {
  const parts = [
    ...(content === undefined ? [] : ['content replaced']),
    ...set.map((assignment) => `set ${assignment.split('=')[0] ?? ''}`),
    ...unset.map((path) => `unset ${path}`),
  ];
  return parts.join(', ') || 'unchanged';
}
