import { CLOUDEVENTS_JSON } from '../../../src/events/envelope.js';
import { MAX_BODY_BYTES, type EncodedEvent } from '../../../src/events/parse-envelope.js';
import type { Random } from '../../chaos/support/random.js';

/** A message that a publisher may send, and how it was made. */
export interface HostileMessage {
  kind: string;
  message: EncodedEvent;
}

type Json = Record<string, unknown>;

const STRUCTURED = { contentType: CLOUDEVENTS_JSON };
/** Names that objects inherit or that set a prototype. */
const INHERITED = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'toJSON'] as const;
/** JSON text; some of it is beyond what numbers and text of JavaScript can hold. */
const RAW_VALUES = [
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '1e308',
  '1e400',
  '-1e400',
  '-0',
  '0.1e-400',
  `1${'0'.repeat(400)}`,
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\\u2028"',
  '"\\ufeff"',
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
] as const;
const SCHEMAS = [
  '',
  'urn:',
  'urn:flotilla:',
  '0',
  '-1',
  '1.5',
  '1e3',
  '01',
  ' 1',
  '999',
  '9007199254740993',
  'x',
] as const;
const CONTENT_TYPES = [
  'application/json',
  'application/cloudevents+json; charset=utf-8',
  'APPLICATION/CLOUDEVENTS+JSON',
  'application/cloudevents-batch+json',
  'text/plain',
  '',
  ';',
  'x'.repeat(5_000),
] as const;
const ENDS = ['}', ']', ',', '\u0000', 'null', '//', '{}'] as const;

/** Changes a message in one way. */
type Mutation = (event: Json, random: Random) => EncodedEvent;

const asMessage = (text: string | Uint8Array): EncodedEvent => ({
  body: typeof text === 'string' ? Buffer.from(text) : text,
  properties: STRUCTURED,
});

/** The way to a random value in an event: `['data', 'items', '0']`. */
function someValue(event: Json, random: Random): { holder: Json; name: string } {
  let holder = event;
  for (;;) {
    const names = Object.keys(holder);
    const name = names[random.between(0, names.length - 1)] ?? 'data';
    const value = holder[name];
    const isOpen = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!isOpen || random.chance(0.3)) return { holder, name };
    holder = value as Json;
  }
}

/** Writes JSON text in place of a random value. */
function withRaw(event: Json, raw: string, random: Random): string {
  const { holder, name } = someValue(event, random);
  const mark = `mark${random.between(0, 2 ** 31)}`;
  holder[name] = mark;
  return JSON.stringify(event).replace(JSON.stringify(mark), () => raw);
}

function bytesOf(event: Json): Buffer {
  return Buffer.from(JSON.stringify(event));
}

/** Most sizes are small; a few are up to `most`. */
function size(most: number, random: Random): number {
  return Math.max(1, Math.floor(most ** (random.next() ** 2)));
}

const mutations: Record<string, Mutation> = {
  intact: (event) => asMessage(JSON.stringify(event)),
  truncated(event, random) {
    const bytes = bytesOf(event);
    return asMessage(bytes.subarray(0, random.between(0, bytes.length - 1)));
  },
  'changed bytes'(event, random) {
    const bytes = bytesOf(event);
    for (let n = random.between(1, 5); n > 0; n--) bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
    return asMessage(bytes);
  },
  'removed or repeated bytes'(event, random) {
    const bytes = bytesOf(event);
    const [at, to] = [random.between(0, bytes.length), random.between(0, bytes.length)];
    return asMessage(Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]));
  },
  'an odd value': (event, random) => asMessage(withRaw(event, random.pick(RAW_VALUES), random)),
  'an attribute of another type'(event, random) {
    const name = random.pick([
      'id',
      'source',
      'type',
      'subject',
      'time',
      'dataschema',
      'sequence',
      'specversion',
      'data',
    ]);
    const value = random.pick([
      null,
      1,
      true,
      [],
      {},
      [[]],
      '',
      ' ',
      'x'.repeat(600),
      '\u0000',
      '2026-02-30T00:00:00Z',
    ]);
    return asMessage(JSON.stringify({ ...event, [name]: value }));
  },
  'a missing value'(event, random) {
    const { holder, name } = someValue(event, random);
    Reflect.deleteProperty(holder, name);
    return asMessage(JSON.stringify(event));
  },
  'an inherited name'(event, random) {
    const raw = random.chance(0.5) ? '{"polluted":true}' : random.pick(RAW_VALUES);
    const pair = `${JSON.stringify(random.pick(INHERITED))}:${raw},`;
    if (random.chance(0.3)) return asMessage(JSON.stringify({ ...event, type: random.pick(INHERITED) }));
    const text = JSON.stringify(event);
    const at = random.chance(0.5) ? 1 : text.indexOf('"data":{') + '"data":{'.length;
    return asMessage(text.slice(0, at) + pair + text.slice(at));
  },
  'a duplicate key'(event, random) {
    const { holder, name } = someValue(event, random);
    const text = JSON.stringify(event);
    const at = text.indexOf(JSON.stringify(holder)) + 1;
    return asMessage(`${text.slice(0, at)}${JSON.stringify(name)}:${random.pick(RAW_VALUES)},${text.slice(at)}`);
  },
  'a deep value'(event, random) {
    const depth = size(200_000, random);
    const [open, close] = random.pick([
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"__proto__":', '}]'],
    ]);
    const raw = open.repeat(depth) + '1' + (random.chance(0.8) ? close.repeat(depth) : '');
    return asMessage(random.chance(0.2) ? raw : withRaw(event, raw, random));
  },
  'a large value'(event, random) {
    const count = size(MAX_BODY_BYTES / 8, random);
    const raw = random.pick([
      () => JSON.stringify('x'.repeat(count)),
      () => `"${'\\ud800'.repeat(count)}"`,
      () => `[${'0,'.repeat(count)}0]`,
      () => `{${Array.from({ length: Math.min(count, 20_000) }, (_, n) => `"k${n}":0`).join()}}`,
    ]);
    return asMessage(withRaw(event, raw(), random));
  },
  'an extension'(event, random) {
    const name = random.pick(['tenant', 'x'.repeat(200), 'with space', '\u0000', '\ud800', '__proto__', 'data_base64']);
    const value = random.pick(['a', 1, true, null, {}, [], '\u0007', '\ud800', 'bm90IGpzb24=', 'e30=']);
    return asMessage(`{${JSON.stringify(name)}:${JSON.stringify(value)},${JSON.stringify(event).slice(1)}`);
  },
  'a foreign dataschema'(event, random) {
    const part = random.pick(SCHEMAS);
    const dataschema = random.chance(0.5) ? part : `urn:flotilla:${String(event['type'])}:${part}`;
    return asMessage(JSON.stringify({ ...event, dataschema }));
  },
  'a content type': (event, random) => ({
    body: bytesOf(event),
    properties: { contentType: random.pick(CONTENT_TYPES), timestamp: random.pick([0, -1, 1e9, 1e300, NaN]) },
  }),
  'binary mode'(event, random) {
    const { data, ...attributes } = event;
    const prefix = random.pick(['cloudEvents:', 'cloudEvents_', 'ce-']);
    const odd = [null, 1, true, {}, [], Buffer.from('x'), { '!': 'timestamp', value: 1e9 }, '\u0000'] as const;
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [prefix + name, random.chance(0.1) ? random.pick(odd) : value]),
    );
    const body = random.chance(0.8) ? Buffer.from(JSON.stringify(data) ?? '') : Buffer.from(random.pick(RAW_VALUES));
    return { body, properties: { contentType: 'application/json', headers } };
  },
  'more than one value': (event, random) => asMessage(JSON.stringify(event) + random.pick(ENDS)),
  'another encoding'(event, random) {
    const text = JSON.stringify(event);
    return asMessage(
      random.pick([Buffer.from(text, 'utf16le'), Buffer.from(`\ufeff${text}`), Buffer.from(text, 'latin1')]),
    );
  },
  'random bytes'(_, random) {
    return asMessage(Uint8Array.from({ length: size(4_096, random) }, () => random.between(0, 255)));
  },
  'a value that is no event': (_, random) => asMessage(random.pick(RAW_VALUES)),
};

const KINDS = Object.keys(mutations);

/** Makes a hostile message from one of these events, as a function of `random`. */
export function hostileMessage(events: readonly string[], random: Random): HostileMessage {
  const kind = KINDS[random.between(0, KINDS.length - 1)] ?? 'intact';
  const event = JSON.parse(events[random.between(0, events.length - 1)] ?? '{}') as Json;
  const mutate = mutations[kind] ?? ((intact: Json) => asMessage(JSON.stringify(intact)));
  return { kind, message: mutate(event, random) };
}
