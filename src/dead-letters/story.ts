import { formatDuration } from '../duration.js';
import type { AuditEntry } from './audit.js';
import type { Keeping, KeptDeadLetter } from './dead-letter.js';

/** A dead letter as a person reads it: what it is, what was tried, what was done about it, and the lines of the message. */
export function storyOf(
  letter: Omit<KeptDeadLetter, 'body'>,
  trail: readonly AuditEntry[],
  body: readonly string[],
): string[] {
  return [
    `${letter.type ?? 'A message'}${letter.subject === null ? '' : ` of ${letter.subject}`}, for ${letter.worker}`,
    '',
    ...facts({
      'dead letter': letter.id,
      state: stateOf(letter),
      error: `${letter.code}: ${letter.message}`,
      kind: letter.kind ?? 'not in the catalogue',
      event: letter.eventId ?? 'unknown',
      correlation: letter.correlationId ?? 'unknown',
      died: letter.deadAt,
      replays: String(letter.replays),
      ...trustOf(letter),
      body: bodyOf(letter),
    }),
    '',
    'Attempts',
    ...(letter.attempts.length === 0 ? ['  none is known of'] : letter.attempts.map(attemptLine)),
    ...(trail.length === 0 ? [] : ['', 'What was done']),
    ...trail.map(({ at, who, action, detail }) => `  ${at}  ${who} ${action}${detail === '' ? '' : `: ${detail}`}`),
    '',
    'Message',
    ...body.map((line) => `  ${line}`),
  ];
}

/** A body as JSON where it is JSON, as text where it is text, else as Base64. */
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

/** What is known of the one who published it; nothing where the fleet has no key. */
function trustOf({ origin, conflictOf }: Pick<KeptDeadLetter, 'origin' | 'conflictOf'>): Record<string, string> {
  return {
    ...(origin === 'fleet' && { origin: 'signed by this fleet' }),
    ...((origin === 'outside' || origin === 'unverified') && { origin: 'not signed by this fleet' }),
    ...(conflictOf !== null && { 'conflicts with': conflictOf }),
  };
}

function bodyOf({ keptBytes, bodySize, bodyHash, isBodyRemoved }: Omit<KeptDeadLetter, 'body'>): string {
  const hash = bodyHash === null ? '' : `, SHA-256 ${bodyHash}`;
  if (isBodyRemoved) return `${bodySize} bytes, removed${hash}`;
  return keptBytes < bodySize
    ? `${bodySize} bytes, only the first ${keptBytes} are kept${hash}`
    : `${bodySize} bytes${hash}`;
}

function stateOf({ state, claimedUntil, settledAt, settledBy, reason, replacementId }: Keeping): string {
  if (state === 'replaying') return replayingOf(claimedUntil);
  if (settledAt === null) return state;
  const why = reason === null ? '' : `: ${reason}`;
  const as = replacementId === null ? '' : ` as ${replacementId}`;
  return `${state}${as}, ${settledAt}, by ${settledBy ?? 'somebody'}${why}`;
}

function replayingOf(claimedUntil: string | null): string {
  if (claimedUntil === null) return 'replaying: not known to have arrived; replay it again';
  return `replaying: claimed by a run; if that was killed, replay it again after ${claimedUntil}`;
}

function attemptLine(
  { at, instance, code, message, delay }: KeptDeadLetter['attempts'][number],
  index: number,
): string {
  const then = delay === null ? 'given up' : `again after ${formatDuration(delay)}`;
  return `  ${String(index + 1).padStart(2)}. ${at}  ${code}: ${message}  (${instance}; ${then})`;
}

function facts(values: Record<string, string>): string[] {
  const width = Math.max(...Object.keys(values).map((name) => name.length));
  return Object.entries(values).map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
