import { expect } from 'chai';
import { z } from 'zod';
import { FlotillaError } from '../../src/errors.js';
import { command, event, pii } from '../../src/events/definition.js';
import { decodeEvent, MAX_BODY_BYTES } from '../../src/events/decode.js';
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

function codeOf(body: Uint8Array, contentType: string | undefined = CLOUDEVENTS_JSON): string {
  try {
    decodeEvent(definitions, body, contentType);
    return 'accepted';
  } catch (error) {
    if (error instanceof FlotillaError) return error.code;
    throw error;
  }
}

describe('decoding a message', () => {
  it('gives back what was created', () => {
    const event = decodeEvent(definitions, wire(), CLOUDEVENTS_JSON);
    expect(event).to.include({ type: 'invoice.issued', subject: 'invoice/i1', source: 'billing' });
    expect(event.data).to.deep.equal(good);
  });

  it('says of each kind of rubbish what is wrong with it', () => {
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

  it('never shows a value in the error, which may be personal', () => {
    const secret = 'Mrs Secret';
    let seen = '';
    try {
      decodeEvent(definitions, wire({ data: { ...good, total: secret, lines: secret } }), CLOUDEVENTS_JSON);
    } catch (error) {
      seen = String(error);
    }
    expect(seen).to.contain('invoice.issued');
    expect(seen).not.to.contain(secret);
  });

  it('lets fields pass that it does not know, at any depth', () => {
    const data = { ...good, extra: 1, total: { ...good.total, more: 2 }, lines: [{ text: 'a', most: 3 }] };
    expect(decodeEvent(definitions, wire({ data }), CLOUDEVENTS_JSON).data).to.deep.equal(data);
  });

  it('brings an old version to the latest', () => {
    const body = wire({ dataschema: 'urn:flotilla:invoice.issued:1', data: { invoiceId: 'i1', total: 5 } });
    const event = decodeEvent(definitions, body, CLOUDEVENTS_JSON);
    expect(event.dataschema).to.equal('urn:flotilla:invoice.issued:2');
    expect(event.data).to.deep.equal({ invoiceId: 'i1', total: { amount: 5, currency: 'USD' }, lines: [{ text: '' }] });
  });

  it('refuses to create what has a field too many', () => {
    const create = () =>
      createEvent(definitions, 'invoice.issued', { ...good, extra: 1 }, originContext({ source: 's', subject: 'a/1' }));
    expect(create).to.throw(FlotillaError).with.property('code', 'contract.invalid_data');
  });

  it('knows which fields are personal', () => {
    expect(definitions['invoice.issued'].pii).to.deep.equal(['lines.*.text']);
  });
});
