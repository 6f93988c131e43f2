import { HEADERS, textHeader } from '../broker/messages/headers.js';
import { formatDuration } from '../duration.js';
import { oneLine } from '../events/text-line.js';
import type { AuditEntry } from './storage/audit.js';
import type { LastReplay } from './last-replay.js';
import type { StoredState, StoredDeadLetter } from './dead-letter.js';

/** The limit of AMQP for names of exchanges and for routing keys. */
const MAX_NAME_LENGTH = 255;

/** The lines of a dead letter's report: its facts, attempts, audit and message. */
export function formatDeadLetter(
  deadLetter: Omit<StoredDeadLetter, 'body'>,
  { trail, last, body }: { trail: readonly AuditEntry[]; last: LastReplay | null; body: readonly string[] },
): string[] {
  return [
    `${deadLetter.type ?? 'A message'}${deadLetter.subject === null ? '' : ` of ${deadLetter.subject}`}, for ${deadLetter.worker}`,
    '',
    ...facts({
      'dead letter': deadLetter.id,
      state: stateOf(deadLetter),
      error: `${deadLetter.code}: ${deadLetter.message}`,
      kind: deadLetter.kind ?? 'not in the catalogue',
      event: deadLetter.eventId ?? 'unknown',
      correlation: deadLetter.correlationId ?? 'unknown',
      ...routeOf(deadLetter),
      'dead since': deadLetter.deadAt,
      replays: replaysOf(deadLetter, trail, last),
      ...trustOf(deadLetter),
      body: bodyOf(deadLetter),
    }),
    '',
    'Attempts',
    ...(deadLetter.attempts.length === 0 ? ['  unknown'] : deadLetter.attempts.map(attemptLine)),
    ...(trail.length === 0 ? [] : ['', 'Actions']),
    ...trail.map(({ at, who, action, detail }) => `  ${at}  ${who} ${action}${detail === '' ? '' : `: ${detail}`}`),
    '',
    'Message',
    ...body.map((line) => `  ${line}`),
  ];
}

/** How the message was first published; a worker records it in headers, the broker in `x-death`. */
function routeOf({ properties: { headers = {} } }: Pick<StoredDeadLetter, 'properties'>): Record<string, string> {
  const [death] = [headers['x-death']].flat();
  const { exchange, 'routing-keys': keys } = recordOf(death);
  const [key] = [keys].flat();
  const recorded = (header: string, byBroker: unknown) =>
    textHeader(headers, header) ?? (typeof byBroker === 'string' ? byBroker : undefined);
  const shown = (text = 'unknown') => oneLine(text, MAX_NAME_LENGTH);
  return {
    exchange: shown(recorded(HEADERS.exchange, exchange)) || 'the default exchange',
    'routing key': shown(recorded(HEADERS.routingKey, key)) || 'none',
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** A body as JSON, otherwise as text, otherwise as Base64. */
export function decodedBody(body: Uint8Array): { json?: unknown; text: string; base64?: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    try {
      const json: unknown = JSON.parse(text);
      return { json, text: JSON.stringify(json, null, 2) };
    } catch {
      return { text }; // text, but not JSON
    }
  } catch {
    const base64 = Buffer.from(body).toString('base64');
    return { text: `${body.length} bytes, Base64: ${base64}`, base64 };
  }
}

/** The signer of the message; nothing if the fleet has no key. */
function trustOf({ origin, conflictOf }: Pick<StoredDeadLetter, 'origin' | 'conflictOf'>): Record<string, string> {
  return {
    ...(origin === 'fleet' && { origin: 'signed by this fleet' }),
    ...((origin === 'outside' || origin === 'unverified') && { origin: 'not signed by this fleet' }),
    ...(conflictOf !== null && { 'conflicts with': conflictOf }),
  };
}

/** `2, the last at 2026-11-28T20:24:00.000Z by ann to the queue payment: handled` */
function replaysOf(
  { replays }: Pick<StoredDeadLetter, 'replays'>,
  trail: readonly AuditEntry[],
  last: LastReplay | null,
): string {
  // the message counts replays up to its last dead-lettering, the audit those from this store
  const count = Math.max(replays, trail.filter(({ action }) => action === 'replayed').length);
  if (count === 0) return 'none';
  if (last === null) return `${count}, not recorded in this store`;
  return `${count}, the last at ${last.at} by ${last.who} to the queue ${last.queue}: ${outcomeOf(last)}`;
}

function outcomeOf({ outcome, worker, deadLetteredAs }: LastReplay): string {
  switch (outcome) {
    case 'handled':
      return `handled by ${worker}`;
    case 'not_handled':
      return `not handled by ${worker} yet`;
    case 'dead_lettered_again':
      return `dead-lettered again${deadLetteredAs === null ? '' : ` as ${deadLetteredAs}`}`;
    case 'unknown':
      return `confirmed by the broker; this machine cannot read whether ${worker} handled it`;
  }
}

function bodyOf({ keptBytes, bodySize, bodyHash, isBodyRemoved }: Omit<StoredDeadLetter, 'body'>): string {
  const hash = bodyHash === null ? '' : `, SHA-256 ${bodyHash}`;
  if (isBodyRemoved) return `${bodySize} bytes, removed${hash}`;
  return keptBytes < bodySize
    ? `${bodySize} bytes, only the first ${keptBytes} are stored${hash}`
    : `${bodySize} bytes${hash}`;
}

function stateOf({ state, claimedUntil, settledAt, settledBy, reason, replacementId }: StoredState): string {
  if (state === 'replaying') return replayingOf(claimedUntil);
  if (settledAt === null) return state;
  const why = reason === null ? '' : `: ${reason}`;
  const as = replacementId === null ? '' : ` as ${replacementId}`;
  return `${state}${as}, ${settledAt}, by ${settledBy ?? 'unknown'}${why}`;
}

function replayingOf(claimedUntil: string | null): string {
  if (claimedUntil === null) return 'replaying: not confirmed; replay it again';
  return `replaying: claimed by a run; if the run was killed, replay it again after ${claimedUntil}`;
}

function attemptLine(
  { at, instance, code, message, delay }: StoredDeadLetter['attempts'][number],
  index: number,
): string {
  const then = delay === null ? 'dead-lettered' : `retried after ${formatDuration(delay)}`;
  return `  ${String(index + 1).padStart(2)}. ${at}  ${code}: ${message}  (${instance}; ${then})`;
}

function facts(values: Record<string, string>): string[] {
  const width = Math.max(...Object.keys(values).map((name) => name.length));
  return Object.entries(values).map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
