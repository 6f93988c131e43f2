import { FlotillaError } from '../../errors.js';
import { upcast } from '../../events/decode.js';
import type { Definitions } from '../../events/definitions.js';
import { parseEnvelope } from '../../events/parse-envelope.js';
import type { StoredDeadLetter } from '../dead-letter.js';

/** The editable parts of an event. */
export interface EventDraft {
  type: string;
  subject: string;
  data: unknown;
}

/** The draft with which an edit begins: the event, upcast to the latest version of its type if it is valid. For a
 *  message that is not an event, the known fields of the dead letter. */
export function draftOf(deadLetter: StoredDeadLetter, definitions: Definitions): EventDraft {
  const event = attempt(() => parseEnvelope(deadLetter));
  const draft: EventDraft = {
    type: event?.type ?? deadLetter.type ?? '',
    subject: event?.subject ?? deadLetter.subject ?? `dead-letter/${deadLetter.id}`,
    data: event?.data ?? {},
  };
  const upcasted = event && attempt(() => upcast(definitions, event));
  return structuredClone(upcasted === undefined ? draft : { ...draft, data: upcasted.data });
}

/** Creates a draft from the content of a file: a whole event, or only its data. */
export function draftFrom(content: unknown, draft: EventDraft): EventDraft {
  if (!isObject(content) || !('specversion' in content)) return { ...draft, data: content };
  const { type, subject, data } = content;
  return {
    type: typeof type === 'string' ? type : draft.type,
    subject: typeof subject === 'string' ? subject : draft.subject,
    data,
  };
}

/** Applies `path=value` to a draft: `data.amount=5`, `data.items.0.quantity=1`, `type=…`, `subject=…`. The value is
 *  parsed as JSON, otherwise it is text. Throws `dead_letter.refused` for an invalid path. */
export function assign(draft: EventDraft, assignment: string): void {
  const [, path = '', text = ''] = /^([^=]+)=(.*)$/s.exec(assignment) ?? [];
  const keys = path.trim().split('.');
  const fail = () =>
    new FlotillaError(
      'dead_letter.refused',
      `${JSON.stringify(assignment)} is not type=…, subject=… or data.<field>=…`,
    );
  const [first = '', ...rest] = keys;
  if (first === 'type' || first === 'subject') {
    if (rest.length > 0) throw fail();
    draft[first] = text;
    return;
  }
  if (first !== 'data' || keys.some((key) => key === '' || key === '__proto__')) throw fail();
  const value = attempt(() => JSON.parse(text) as unknown) ?? (text === 'null' ? null : text);
  const root: Record<string, unknown> = { data: draft.data };
  let parent = root;
  for (const [index, key] of keys.slice(0, -1).entries()) {
    if (!Object.hasOwn(parent, key)) parent[key] = /^\d+$/.test(keys[index + 1] ?? '') ? [] : {};
    const next = parent[key];
    if (!isObject(next)) throw fail();
    parent = next;
  }
  parent[keys.at(-1) ?? ''] = value;
  draft.data = root['data'];
}

/** Removes a field, such as `data.note`. Throws `dead_letter.refused` if the field does not exist. */
export function unset(draft: EventDraft, path: string): void {
  const keys = path.split('.');
  let parent: unknown = draft;
  for (const key of keys.slice(0, -1))
    parent = isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
  const last = keys.at(-1) ?? '';
  if (keys[0] !== 'data' || keys.length < 2 || !isObject(parent) || !Object.hasOwn(parent, last)) {
    throw new FlotillaError('dead_letter.refused', `there is no ${JSON.stringify(path)} to remove`);
  }
  if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The result of `read`; undefined if the content is invalid. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FlotillaError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
