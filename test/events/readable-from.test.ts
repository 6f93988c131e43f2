import { expect } from 'chai';
import { z } from 'zod';
import { FlotillaError } from '../../src/errors.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { decodeEvent, upcast } from '../../src/events/decode.js';
import { event } from '../../src/events/definition.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { parseEnvelope, structuredBody } from '../../src/events/parse-envelope.js';

const v1 = z.strictObject({ orderId: z.string() });
const v2 = z.strictObject({ orderId: z.string(), note: z.string() });
const v3 = z.strictObject({ orderId: z.string(), note: z.string(), size: z.int() });
const upcasters = {
  1: (data: z.infer<typeof v1>) => ({ ...data, note: '' }),
  2: (data: z.infer<typeof v2>) => ({ ...data, size: 0 }),
};

/** The catalogue of a worker that knows versions up to `latest`. */
const known = {
  1: { 'order.created': event({ 1: v1 }) },
  2: { 'order.created': event({ 1: v1, 2: v2 }, { 1: upcasters[1] }) },
  3: { 'order.created': event({ 1: v1, 2: v2, 3: v3 }, upcasters, { readableFrom: { 2: 1, 3: 2 } }) },
};
const data = { orderId: 'o1', note: 'n', size: 3 };
const context = originContext({ source: 'orders', subject: 'order/o1' });
const created = createEvent(known[3], 'order.created', data, context);

const structured = (changes: Record<string, unknown> = {}) => ({
  body: Buffer.from(JSON.stringify({ ...created, ...changes })),
  properties: { contentType: CLOUDEVENTS_JSON },
});
const binary = (readablefrom: string | number) => ({
  body: Buffer.from(JSON.stringify(data)),
  properties: {
    contentType: 'application/json',
    headers: Object.fromEntries(
      Object.entries({ ...created, data: undefined, datacontenttype: undefined, readablefrom })
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [`cloudEvents:${name}`, value]),
    ),
  },
});

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'accepted';
  } catch (error) {
    if (error instanceof FlotillaError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe('readableFrom', () => {
  it('is written into each event of a version that declares it', () => {
    const ofVersion = (version: number, of: object) =>
      createEvent(known[3], 'order.created', of, context, version).readablefrom;
    expect(created).to.include({ dataschema: 'urn:flotilla:order.created:3', readablefrom: '2' });
    expect(ofVersion(2, { orderId: 'o1', note: 'n' })).to.equal('1');
    expect(ofVersion(1, { orderId: 'o1' })).to.equal(undefined);
  });

  it('lets a worker read a newer event as the newest version that it knows, with the other fields', () => {
    const { readablefrom: _, ...attributes } = created;
    expect(decodeEvent(known[2], structured())).to.deep.equal({
      ...attributes,
      dataschema: 'urn:flotilla:order.created:2',
    });
    expect(decodeEvent(known[1], structured({ readablefrom: '1' })).dataschema).to.equal(
      'urn:flotilla:order.created:1',
    );
  });

  it('does not let a worker read it that knows only older versions, or without the declaration', () => {
    expect(codeOf(() => decodeEvent(known[1], structured()))).to.match(/^contract\.newer_version: .*3, known up to 1/);
    expect(codeOf(() => decodeEvent(known[2], structured({ readablefrom: null })))).to.match(
      /^contract\.newer_version/,
    );
  });

  it('does not exempt the data from the schema of the version as which they are read', () => {
    const wrong = structured({ data: { ...data, note: 5 } });
    expect(codeOf(() => decodeEvent(known[2], wrong))).to.match(/^contract\.invalid_data: .*note/);
    const unknown = structured({ data: { ...data, size: 'unknown to version 2' } });
    expect(codeOf(() => decodeEvent(known[2], unknown))).to.equal('accepted');
  });

  it('is that of the catalogue for an event that does not declare it, where the catalogue knows its version', () => {
    const requested = new Map([['order.created', [2]]]);
    const { readablefrom: _, ...undeclared } = created;
    expect(upcast(known[3], undeclared, requested).dataschema).to.equal('urn:flotilla:order.created:2');
    expect(codeOf(() => upcast(known[3], undeclared, new Map([['order.created', [1]]])))).to.match(
      /^contract\.newer_version: .*3, requested up to 1/,
    );
  });

  it('may be a number, and a header of any type in binary mode', () => {
    expect(parseEnvelope(structured({ readablefrom: 2 })).readablefrom).to.equal('2');
    for (const value of ['2', 2]) expect(parseEnvelope(binary(value)).readablefrom).to.equal('2');
    const message = binary(2);
    const kept = JSON.parse(structuredBody(message, parseEnvelope(message))) as object;
    expect(kept, 'where it is stored without its headers').to.deep.include({ readablefrom: '2' });
  });

  it('is refused unless it is a version before that of the event', () => {
    for (const wrong of ['', '0', '-1', '1.5', '01', 'x', '3', '4', 0, 1.5, -1, 3, 1e9, true, {}, ['2'], '²']) {
      const code = codeOf(() => decodeEvent(known[3], structured({ readablefrom: wrong })));
      expect(code, JSON.stringify(wrong)).to.match(/^contract\.not_an_event: .*readablefrom: /);
    }
  });

  it('must be declared for a version that exists, and name an earlier one', () => {
    const wrong: [readableFrom: Record<number, number>, problem: string][] = [
      [{ 3: 1 }, '{ 3: 1 }, but there is no version 3'],
      [{ 2: 2 }, '{ 2: 2 }, but 2 is not a version before 2'],
      [{ 2: 0 }, '{ 2: 0 }, but 0 is not a version before 2'],
      [{ 2: 1.5 }, '{ 2: 1.5 }, but 1.5 is not a version before 2'],
      [{ 1: 0 }, '{ 1: 0 }, but 0 is not a version before 1'],
    ];
    for (const [readableFrom, problem] of wrong) {
      expect(() => event({ 1: v1, 2: v2 }, { 1: upcasters[1] }, { readableFrom }), problem)
        .to.throw(FlotillaError, problem)
        .with.property('code', 'contract.bad_readable_from');
    }
  });
});
