import { expect } from 'chai';
import { z } from 'zod';
import { event, pii } from 'flotilla';
import { exampleData } from '../../src/contracts/example-data.js';
import type { Json } from '../../src/contracts/shape.js';

const address = z.strictObject({ street: pii(z.string()), country: z.string() });
const definition = event({
  1: z.strictObject({
    name: pii(z.string().min(2)),
    mails: z.array(pii(z.email())).optional(),
    addresses: z.record(z.string(), address).optional(),
    amount: z.int(),
  }),
});
const samples = (...all: Json[]) => [
  { type: 'user.created', version: 1, samples: { newest: 1, samples: all.map((data) => ({ data, upcast: data })) } },
];
const example = (...all: Json[]) => exampleData('user.created', 1, definition, samples(...all));

describe('example data', () => {
  it('are the committed samples, with generated values in personal fields', () => {
    const home = { street: '1 Main St', country: 'US' };
    const secret = { name: 'Grace', mails: ['grace@navy.mil', 'g@navy.mil'], addresses: { home }, amount: 17 };
    expect(example(secret)).to.deep.equal([
      {
        name: 'text',
        mails: ['ada@example.org', 'ada@example.org'],
        addresses: { home: { street: 'text', country: 'US' } },
        amount: 17,
      },
    ]);
    expect(example({ name: 'Grace', amount: 1 }, { name: 'Alan', amount: 1 }), 'once each').to.have.length(1);
  });

  it('are generated without valid samples', () => {
    const generated = exampleData('user.created', 1, definition, []);
    expect(generated).to.have.length(3);
    expect(example({ name: 'Grace', amount: 'seventeen' })).to.deep.equal(generated);
    for (const data of generated) expect(definition.versions[1]?.safeParse(data).success).to.equal(true);
  });

  it('omit a sample whose personal value cannot be generated', () => {
    const coded = event({ 1: z.strictObject({ code: pii(z.string().regex(/^[A-Z]{3}-\d{9}-[a-z]$/)) }) });
    const kept = exampleData('code.sent', 1, coded, [
      ...samples({ code: 'ABC-123456789-x' }).map((each) => ({ ...each, type: 'code.sent' })),
    ]);
    expect(JSON.stringify(kept)).not.to.include('123456789');
  });
});
