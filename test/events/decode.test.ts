import { expect } from 'chai';
import { z } from 'zod';
import { FlotillaError } from '../../src/errors.js';
import { command, event } from '../../src/events/definition.js';
import { HIDDEN, maskPersonal, pii, piiPaths } from '../../src/events/personal.js';
import { decodeEvent } from '../../src/events/decode.js';
import { MAX_BODY_BYTES } from '../../src/events/parse-envelope.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';

const definitions = {
  'invoice.issued': event(
    {
      1: z.strictObject({ invoiceId: z.string(), total: z.int() }),
      2: z.strictObject({
        invoiceId: z.string(),
        total: z.strictObject({ amount: z.int().min(0), currency: z.string().length(3) }),
        lines: z.array(z.strictObject({ text: pii(z.string()) })).min(1),
      }),
    },
    { 1: ({ invoiceId, total }) => ({ invoiceId, total: { amount: total, currency: 'USD' }, lines: [{ text: '' }] }) },
  ),
  'invoice.issue': command({ 1: z.strictObject({ invoiceId: z.string() }) }),
};
const good = { invoiceId: 'i1', total: { amount: 5, currency: 'EUR' }, lines: [{ text: 'a' }] };

function wire(changes: Record<string, unknown> = {}): Buffer {
  const made = createEvent(
    definitions,
    'invoice.issued',
    good,
    originContext({ source: 'billing', subject: 'invoice/i1' }),
  );
  return Buffer.from(JSON.stringify({ ...made, ...changes }));
}

function caught(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not throw');
}

const message = (body: Uint8Array) => ({ body, properties: { contentType: CLOUDEVENTS_JSON } });

function codeOf(body: Uint8Array, contentType: string | undefined = CLOUDEVENTS_JSON): string {
  try {
    decodeEvent(definitions, { body, properties: { contentType } });
    return 'accepted';
  } catch (error) {
    if (error instanceof FlotillaError) return error.code;
    throw error;
  }
}

describe('decoding a message', () => {
  it('returns the created event', () => {
    const event = decodeEvent(definitions, message(wire()));
    expect(event).to.include({ type: 'invoice.issued', subject: 'invoice/i1', source: 'billing' });
    expect(event.data).to.deep.equal(good);
  });

  it('rejects each kind of malformed message with its code', () => {
    expect(codeOf(Buffer.from(''))).to.equal('contract.not_json');
    expect(codeOf(Buffer.from('hello'))).to.equal('contract.not_json');
    expect(codeOf(Buffer.from([0x22, 0xff, 0x22]))).to.equal('contract.not_json');
    expect(codeOf(Buffer.from('['.repeat(20_000)))).to.equal('contract.not_json');
    expect(codeOf(Buffer.from(`${'['.repeat(20_000)}${']'.repeat(20_000)}`))).to.equal('contract.not_json');
    expect(codeOf(Buffer.from('{"a":1}'))).to.equal('contract.not_an_event');
    expect(codeOf(Buffer.from('null'))).to.equal('contract.not_an_event');
    expect(codeOf(wire({ specversion: '0.3' }))).to.equal('contract.not_an_event');
    expect(codeOf(wire({ dataschema: 'urn:other:thing' }))).to.equal('contract.not_an_event');
    expect(codeOf(wire({ type: 'invoice.eaten' }))).to.equal('contract.unknown_type');
    expect(codeOf(wire({ dataschema: 'urn:flotilla:invoice.issued:3' }))).to.equal('contract.newer_version');
    expect(codeOf(wire({ data: { ...good, total: { amount: -1, currency: 'EUR' } } }))).to.equal(
      'contract.invalid_data',
    );
    expect(codeOf(wire({ data: { ...good, lines: [] } }))).to.equal('contract.invalid_data');
    expect(codeOf(wire({ data: undefined }))).to.equal('contract.invalid_data');
    expect(codeOf(wire(), 'text/plain')).to.equal('contract.content_type');
    expect(codeOf(Buffer.alloc(MAX_BODY_BYTES + 1, 0x20))).to.equal('contract.too_large');
  });

  const controls = ['a\u001b[2J', 'a\u0007', 'a\r\nb', 'a\u0000', 'a\u009bm', 'a\u2028', 'a\ud800'];
  const names = 'specversion id source type subject time dataschema correlationid causationid sequence traceparent';
  for (const name of [...names.split(' '), 'datacontenttype', 'tenant', 'tracestate']) {
    it(`rejects control characters in the attribute ${name}`, () => {
      const value = JSON.parse(String(wire()))[name] ?? '';
      for (const text of controls) {
        expect(codeOf(wire({ [name]: text })), JSON.stringify(text)).to.equal('contract.not_an_event');
        expect(codeOf(wire({ [name]: `${value}${text.slice(1)}` })), text).to.equal('contract.not_an_event');
      }
    });
  }

  it('rejects control characters in the name of an attribute', () => {
    for (const text of controls) expect(codeOf(wire({ [text]: 1 }))).to.equal('contract.not_an_event');
    expect(codeOf(wire({ tenant: 'a-1', priority: 5, test: true }))).to.equal('accepted');
  });

  it('omits schema errors of personal fields, which may quote the value', () => {
    const quoting = () => z.string().refine((value) => value === '', { error: ({ input }) => `not ${String(input)}` });
    const quoted = {
      'user.named': event({
        1: z.strictObject({ name: pii(quoting()), plan: quoting(), all: pii(z.strictObject({ more: quoting() })) }),
      }),
    };
    const data = { name: 'Mrs Secret', plan: 'gold', all: { more: 'Mr Secret' } };
    const made = { ...JSON.parse(String(wire())), type: 'user.named', dataschema: 'urn:flotilla:user.named:1', data };
    const { message: text } = caught(() => decodeEvent(quoted, message(Buffer.from(JSON.stringify(made)))));
    expect(text, text).to.contain('name: not valid (custom)').and.contain('plan: not gold').and.not.contain('Secret');
    const context = originContext({ source: 'test', subject: 'user/1' });
    expect(caught(() => createEvent(quoted, 'user.named', data, context)).message).not.to.contain('Secret');
  });

  it('omits values, which may be personal, from errors', () => {
    const secret = 'Mrs Secret';
    let seen = '';
    try {
      decodeEvent(definitions, message(wire({ data: { ...good, total: secret, lines: secret } })));
    } catch (error) {
      seen = String(error);
    }
    expect(seen).to.contain('invoice.issued');
    expect(seen).not.to.contain(secret);
  });

  it('accepts unknown fields at any depth', () => {
    const data = { ...good, extra: 1, total: { ...good.total, more: 2 }, lines: [{ text: 'a', most: 3 }] };
    expect(decodeEvent(definitions, message(wire({ data }))).data).to.deep.equal(data);
  });

  it('accepts unknown fields in the values of records and the elements of tuples', () => {
    const part = z.strictObject({ a: z.int() });
    const rates = {
      'rates.set': event({ 1: z.strictObject({ by: z.record(z.string(), part), pair: z.tuple([part], part) }) }),
    };
    const data = {
      by: { x: { a: 1, more: 2 } },
      pair: [
        { a: 1, more: 2 },
        { a: 1, most: 3 },
      ],
    };
    const body = wire({ type: 'rates.set', dataschema: 'urn:flotilla:rates.set:1', data });
    expect(decodeEvent(rates, message(body)).data).to.deep.equal(data);
    const wrong = wire({ type: 'rates.set', dataschema: 'urn:flotilla:rates.set:1', data: { ...data, by: { x: {} } } });
    expect(() => decodeEvent(rates, message(wrong)))
      .to.throw(FlotillaError)
      .with.property('code', 'contract.invalid_data');
  });

  it('upcasts an old version to the latest', () => {
    const body = wire({ dataschema: 'urn:flotilla:invoice.issued:1', data: { invoiceId: 'i1', total: 5 } });
    const event = decodeEvent(definitions, message(body));
    expect(event.dataschema).to.equal('urn:flotilla:invoice.issued:2');
    expect(event.data).to.deep.equal({ invoiceId: 'i1', total: { amount: 5, currency: 'USD' }, lines: [{ text: '' }] });
  });

  it('rejects the creation of an event with an unknown field', () => {
    const create = () =>
      createEvent(definitions, 'invoice.issued', { ...good, extra: 1 }, originContext({ source: 's', subject: 'a/1' }));
    expect(create).to.throw(FlotillaError).with.property('code', 'contract.invalid_data');
  });

  it('lists personal fields', () => {
    expect(definitions['invoice.issued'].pii).to.deep.equal(['lines.*.text']);
  });

  it('lists and redacts personal fields anywhere in a schema', () => {
    const secret = pii(z.string());
    const schema = z.object({
      either: z.union([z.object({ a: secret }), z.object({ b: secret })]).nullable(),
      byKey: z.record(z.string(), z.object({ mail: secret })),
      pair: z.tuple([z.number(), secret]),
      both: z.intersection(z.object({ c: secret }), z.object({ d: z.string() })),
      later: z.lazy(() => z.object({ e: secret })),
      read: z.object({ f: secret }).readonly().optional(),
    });
    const paths = piiPaths(schema);
    expect(paths).to.have.members(['either.a', 'either.b', 'byKey.*.mail', 'pair.*', 'both.c', 'later.e', 'read.f']);
    const data = {
      either: { a: 'x', b: 'x' },
      byKey: { k: { mail: 'x' } },
      pair: [1, 'x'],
      both: { c: 'x', d: 'y' },
      later: { e: 'x' },
      read: { f: 'x' },
      other: 'y',
    };
    const masked = maskPersonal(data, paths);
    expect(JSON.stringify(masked)).not.to.contain('"x"');
    expect(masked).to.deep.include({ other: 'y', both: { c: HIDDEN, d: 'y' }, byKey: { k: { mail: HIDDEN } } });
  });
});
