import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { hasCode } from '../../src/errors.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { decodeEvent } from '../../src/events/decode.js';
import { event, type MessageDefinition } from '../../src/events/definition.js';
import { CLOUDEVENTS_JSON, type UnsequencedEvent } from '../../src/events/envelope.js';
import { seed } from '../support/seed.js';

type Fields = Readonly<Record<string, 'text' | 'number'>>;
type Data = Record<string, string | number>;

/** A change of the fields from one version to the next. `pick` chooses the field. */
interface Change {
  kind: 'add' | 'remove' | 'rename' | 'convert';
  pick: number;
}

const schemaOf = (fields: Fields) =>
  z.strictObject(
    Object.fromEntries(Object.entries(fields).map(([name, of]) => [name, of === 'text' ? z.string() : z.int()])),
  );

/** The fields after a change, and the function that changes data in the same way. */
function changed(fields: Fields, { kind, pick }: Change, version: number): [Fields, (data: Data) => Data] {
  const names = Object.keys(fields);
  const name = names[pick % Math.max(1, names.length)];
  const added = `field${version}`;
  if (kind === 'add' || name === undefined) {
    return [{ ...fields, [added]: 'number' }, (data) => ({ ...data, [added]: version })];
  }
  const { [name]: of = 'text', ...rest } = fields;
  const split = ({ [name]: value = '', ...others }: Data): [string | number, Data] => [value, others];
  if (kind === 'remove') return [rest, (data) => split(data)[1]];
  if (kind === 'rename') {
    return [
      { ...rest, [added]: of },
      (data) => {
        const [value, others] = split(data);
        return { ...others, [added]: value };
      },
    ];
  }
  return [
    { ...rest, [name]: of === 'text' ? 'number' : 'text' },
    (data) => {
      const [value, others] = split(data);
      return { ...others, [name]: of === 'text' ? String(value).length : String(value) };
    },
  ];
}

/** All versions of a type, from `first` on. */
function versionsOf(first: number, begin: Fields, changes: readonly Change[]) {
  const fields = [begin];
  const upcasters: ((data: Data) => Data)[] = [];
  for (const [index, change] of changes.entries()) {
    const [next, upcaster] = changed(fields.at(-1) ?? {}, change, first + index);
    fields.push(next);
    upcasters.push(upcaster);
  }
  return { fields, upcasters };
}

const scenario = fc
  .record({
    first: fc.integer({ min: 1, max: 3 }),
    begin: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('text' as const, 'number' as const)),
    changes: fc.array(
      fc.record({
        kind: fc.constantFrom('add' as const, 'remove' as const, 'rename' as const, 'convert' as const),
        pick: fc.nat(5),
      }),
      { maxLength: 4 },
    ),
    /** How many versions the reader lacks, the newest first and the oldest first. */
    unknown: fc.nat(2),
    retired: fc.nat(1),
    written: fc.nat(4),
    requested: fc.option(fc.array(fc.nat(4), { minLength: 1, maxLength: 3 })),
    readableFrom: fc.option(fc.nat(6)),
  })
  .map(({ first, begin, changes, unknown, retired, written, requested, readableFrom }) => {
    const { fields, upcasters } = versionsOf(first, begin, changes);
    const all = fields.map((_, index) => first + index);
    const known = all.slice(Math.min(retired, all.length - 1)).slice(0, Math.max(1, all.length - retired - unknown));
    const at = (index: number) => known[index % known.length] ?? first;
    const version = all[written % all.length] ?? first;
    const definition = (versions: readonly number[], declared: Record<number, number> = {}): MessageDefinition => {
      const entries = versions.map((each) => [each, schemaOf(fields[each - first] ?? {})] as const);
      const convert = versions.slice(0, -1).map((each) => [each, upcasters[each - first]] as const);
      return event(Object.fromEntries(entries), Object.fromEntries(convert) as never, { readableFrom: declared });
    };
    const from = readableFrom !== null && readableFrom >= 1 && readableFrom < version ? readableFrom : undefined;
    return {
      writer: { 'a.b': definition(all, from === undefined ? {} : { [version]: from }) },
      reader: { 'a.b': definition(known) },
      fields: (each: number) => fields[each - first] ?? {},
      known,
      version,
      from,
      requested: requested === null ? undefined : [...new Set(requested.map(at))].sort((a, b) => a - b),
    };
  });

/** The rule, in the words of the guide. */
function expected({
  known,
  version,
  from,
  requested,
}: {
  known: number[];
  version: number;
  from: number | undefined;
  requested: number[] | undefined;
}): number | string {
  const latest = known.at(-1) ?? 0;
  const candidates = (requested ?? [latest]).filter((each) => each >= version);
  if (candidates.length > 0) return version < (known[0] ?? 0) ? 'contract.retired_version' : Math.min(...candidates);
  const newest = Math.max(...(requested ?? [latest]));
  return from !== undefined && from <= newest ? newest : 'contract.newer_version';
}

describe('an event of generated versions', () => {
  it(`is read in the version that the rule names, as valid data of it (TEST_SEED=${seed})`, () => {
    const outcomes = new Set<string>();
    const values = fc.record({ text: fc.string(), number: fc.integer() });
    fc.assert(
      fc.property(scenario, values, (given, value) => {
        const data = Object.fromEntries(
          Object.entries(given.fields(given.version)).map(([name, of]) => [name, value[of]]),
        );
        const context = originContext({ source: 'test', subject: 'a/1' });
        const written = createEvent(given.writer, 'a.b', data, context, given.version);
        const outcome = expected(given);
        const read = attempt(() => decode(given, written));
        outcomes.add(typeof outcome === 'number' ? 'read' : outcome);
        if (typeof read === 'string' || typeof outcome === 'string') {
          // data that an earlier reader refuses are what the gate does not let pass
          if (read === 'contract.invalid_data') expect(outcome).to.be.lessThan(given.version);
          else expect(read).to.equal(outcome);
          return;
        }
        expect(read.dataschema).to.equal(`urn:flotilla:a.b:${outcome}`);
        if (outcome < given.version) expect(read.data).to.deep.equal(data);
        else createEvent(given.writer, 'a.b', read.data, context, outcome);
      }),
      { numRuns: 400, seed },
    );
    expect([...outcomes].sort()).to.deep.equal(['contract.newer_version', 'contract.retired_version', 'read']);
  });
});

function decode(
  { reader, requested }: { reader: Record<string, MessageDefinition>; requested: number[] | undefined },
  written: UnsequencedEvent,
) {
  const message = { body: Buffer.from(JSON.stringify(written)), properties: { contentType: CLOUDEVENTS_JSON } };
  return decodeEvent(reader, message, requested === undefined ? undefined : new Map([['a.b', requested]]));
}

/** The result, or the code of the error. */
function attempt<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    for (const code of ['contract.invalid_data', 'contract.newer_version', 'contract.retired_version'] as const) {
      if (hasCode(error, code)) return code;
    }
    throw error;
  }
}
