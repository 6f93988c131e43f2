import { messageOf } from '../errors.js';
import { escaped, escapedJson } from '../text/printable.js';
import { redact } from '../text/redact.js';
import { jsonName, traceFields } from './log-fields.js';

/** A log entry. Undefined fields are omitted; a `traceparent` is logged as its parts. */
export interface LogEntry {
  level: string;
  message: unknown;
  /** When it was logged. */
  timestamp?: unknown;
  [field: string]: unknown;
}

/** Maximum length of a text in UTF-16 code units; longer ones are truncated. */
const MAX_TEXT_LENGTH = 10_000;

/** Formats an entry as one line of JSON, with the field names of OpenTelemetry. */
export function jsonLine({ timestamp, level, message, traceparent, ...fields }: LogEntry): string {
  const named = Object.fromEntries(Object.entries(fields).map(([field, value]) => [jsonName(field), value]));
  const entry = { timestamp, level, message, ...traceFields(traceparent), ...named };
  return jsonOf(entry) ?? jsonOf({ timestamp, level, message: String(message) }) ?? '';
}

/** Formats an entry for people: one line, followed by the marked lines of a stack. Two spaces occur only between the
 *  message and the fields, and a field with spaces is quoted, so that no text can imitate another field or entry. */
export function textLine({ timestamp, level, message, stack, traceparent, ...fields }: LogEntry): string {
  const text = escaped(safeText(String(message))).replace(/ {2,}/g, ' ');
  const { trace_id } = traceFields(traceparent);
  const shown = Object.entries({ ...fields, trace_id }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${fieldText(name)}=${fieldText(value)}`],
  );
  const line = `${String(timestamp)} ${level.padEnd(5)} ${text}${shown.length > 0 ? `  ${shown.join(' ')}` : ''}`;
  const trace = typeof stack === 'string' ? safeText(stack).split('\n') : [];
  return [line, ...trace.map((at) => `  | ${escaped(at)}`)].join('\n');
}

function fieldText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return escaped(safeText(value));
  return jsonOf(value) ?? '(unreadable)';
}

/** Undefined if the value cannot be serialized: it is circular, or reading it throws. */
function jsonOf(value: unknown): string | undefined {
  try {
    return escapedJson(JSON.stringify(value, safePart));
  } catch {
    return undefined;
  }
}

function safePart(_: string, part: unknown): unknown {
  if (typeof part === 'string') return safeText(part);
  if (typeof part === 'bigint') return String(part);
  return part instanceof Error ? safeText(messageOf(part)) : part;
}

function safeText(text: string): string {
  const redacted = redact(text.slice(0, 2 * MAX_TEXT_LENGTH));
  return redacted.length > MAX_TEXT_LENGTH ? `${redacted.slice(0, MAX_TEXT_LENGTH)}…` : redacted;
}
