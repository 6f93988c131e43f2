import { messageOf } from '../errors.js';
import { escaped, escapedJson } from '../text/printable.js';
import { redact } from '../text/redact.js';
import { jsonName, traceFields } from './log-fields.js';

/** What is logged. Fields with the value undefined are left out; of a `traceparent`, its parts are logged. */
export interface LogEntry {
  level: string;
  message: unknown;
  /** When it was logged. */
  timestamp?: unknown;
  [field: string]: unknown;
}

/** UTF-16 units of a text; what is longer is cut. */
const MAX_TEXT = 10_000;

/** The entry as one line of JSON, its fields under the names of OpenTelemetry. */
export function jsonLine({ timestamp, level, message, traceparent, ...fields }: LogEntry): string {
  const named = Object.fromEntries(Object.entries(fields).map(([field, value]) => [jsonName(field), value]));
  const entry = { timestamp, level, message, ...traceFields(traceparent), ...named };
  return jsonOf(entry) ?? jsonOf({ timestamp, level, message: String(message) }) ?? '';
}

/** The entry for people: one line, and below it the lines of a stack, each of which is marked. Two blanks are only between
 *  the message and the fields, and a field with blanks is quoted, so that no text can pass for another field or entry. */
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

/** Undefined for what is no JSON: it refers to itself, or throws when it is read. */
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
  const redacted = redact(text.slice(0, 2 * MAX_TEXT));
  return redacted.length > MAX_TEXT ? `${redacted.slice(0, MAX_TEXT)}…` : redacted;
}
