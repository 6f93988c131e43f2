import { expect } from 'chai';
import fc from 'fast-check';
import { createRequire } from 'node:module';
import type { Fields, FieldValue } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import { isEncodable, republished } from '../../../src/broker/messages/republish.js';

interface Codec {
  encodeTable(buffer: Buffer, table: Fields, offset: number): number;
  decodeFields(slice: Buffer): Fields;
}
const codec = createRequire(import.meta.url)('../../../node_modules/amqplib/lib/codec.js') as Codec;

/** The size of the headers in bytes, as encoded by amqplib; errors of amqplib pass through. */
const encoded = (headers: Fields = {}) => codec.encodeTable(Buffer.alloc(65_536), headers, 0);

describe('a republished message', () => {
  it('keeps all properties and headers within the limit', () => {
    const headers = {
      text: 'x'.repeat(10_000),
      list: [1, 'two', true, null, { deep: [3] }],
      at: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 999 } },
    };
    const properties = {
      userId: 'u',
      messageId: 'm1',
      type: 't',
      appId: 'a',
      timestamp: 5,
      correlationId: 'c',
      contentType: 'x/y',
    };
    expect(republished({ ...properties, headers })).to.deep.equal({ ...properties, headers });
  });

  it('keeps new headers first, then headers of the fleet, and lists the headers that it drops', () => {
    const headers = {
      huge: 'x'.repeat(47_000),
      [HEADERS.key]: 'k1',
      small: 's',
      [HEADERS.errorCode]: 'old',
    };
    const { headers: kept } = republished(
      { headers },
      { [HEADERS.errorCode]: 'new', [HEADERS.attempts]: 'x'.repeat(8000) },
    );
    expect(kept).to.deep.equal({
      [HEADERS.errorCode]: 'new',
      [HEADERS.attempts]: 'x'.repeat(8000),
      [HEADERS.key]: 'k1',
      small: 's',
      [HEADERS.dropped]: 'huge',
    });
    expect(republished({ headers: { ...kept, CC: ['q'] } }).headers).to.include({ [HEADERS.dropped]: 'huge, CC' });
  });

  it('drops headers that route it to more queues, and headers of the broker', () => {
    const headers = { CC: ['q'], BCC: ['q'], 'x-death': [{}], 'x-first-death-queue': 'q', 'x-delivery-count': 3 };
    expect(republished({ headers }).headers).to.deep.equal({ [HEADERS.dropped]: 'CC, BCC' });
  });

  it('drops headers and properties that cannot be encoded', () => {
    const deep = Array.from({ length: 100 }).reduce<FieldValue>((inner) => [inner], 1);
    const headers: Fields = {
      nan: NaN,
      low: -1e300,
      deep,
      ['k'.repeat(256)]: 1,
      odd: { '!': 'nonsense', value: 1 },
      late: { '!': 'timestamp', value: 2 ** 64 },
    };
    const { headers: kept, ...properties } = republished({ headers, messageId: 'é'.repeat(200), timestamp: 2 ** 64 });
    expect(Object.keys(kept ?? {})).to.deep.equal([HEADERS.dropped]);
    expect(kept?.[HEADERS.dropped]).to.include('nan, low, deep').and.include('messageId (property)');
    expect(properties).to.deep.equal({ userId: '' });
  });

  it('can be encoded with any received headers, and is unchanged when republished again', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.string().map((text) => text.repeat(3000)),
      fc.constantFrom<FieldValue>(NaN, -Infinity, Infinity, 2 ** 63, -(2 ** 63), 2 ** 50 + 0.5, {
        '!': 'timestamp',
        value: 2 ** 64,
      }),
    );
    const key = fc.oneof(
      fc.string(),
      fc.constantFrom('__proto__', 'constructor', '!', 'CC', ...Object.values(HEADERS)),
      fc.string().map((text) => text.repeat(100)),
    );
    const { table } = fc.letrec<{ table: Fields; value: FieldValue }>((tie) => ({
      table: fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
      value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 20 }), tie('table')),
    }));
    fc.assert(
      fc.property(table, table, (headers, own) => {
        const again = republished({ headers }, own).headers ?? {};
        expect(encoded(again)).to.be.at.most(48 * 1024);
        expect(republished({ headers: again }).headers).to.deep.equal(again);
        const message = { exchange: '', routingKey: 'q', body: Buffer.alloc(0), properties: { headers } };
        if (isEncodable(message)) expect(() => encoded(headers)).not.to.throw();
      }),
      { numRuns: 150 },
    );
  });
});
