import { expect } from 'chai';
import { defineRoute, type ProblemType, type Route } from 'flotilla/http';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { openApi } from '../../src/api/openapi/document.js';
import { checkApi } from '../../src/contracts/http.js';
import type { JsonSchema } from '../../src/events/schema-fields.js';
import { committedDocument } from '../../src/fleet/api-document.js';

const document = (...routes: Route[]) =>
  JSON.parse(
    JSON.stringify(openApi(routes, { title: 'shop', version: '1' }, { token: true, documents: [] })),
  ) as JsonSchema;

interface Parts {
  body?: z.ZodType;
  query?: z.ZodType;
  responses?: Record<number, z.ZodType>;
  operationId?: string;
  problems?: ProblemType[];
}

const order = z.strictObject({ sku: z.string() });
const answer = z.object({ id: z.string() }).meta({ id: 'Order' });
const handler = async () => ({ status: 201 });
const placed = ({ body = order, responses = { 201: answer }, operationId = 'placeOrder', ...rest }: Parts = {}) =>
  document(defineRoute({ method: 'post', path: '/orders', body, responses, operationId, ...rest, handler }));
const listed = (query: z.ZodType) => document(defineRoute({ method: 'get', path: '/orders', query, handler }));

/** The findings, each as one line. */
const lines = (before: JsonSchema, after: JsonSchema) =>
  checkApi(before, after).findings.map(({ severity, rule, type, field }) =>
    `${severity} ${rule} ${type} ${field}`.trim(),
  );

const gone: ProblemType = { code: 'order.gone', status: 410, title: 'Gone', remedy: 'Order another.' };
const { strictObject, object, string, enum: oneOf } = z;

describe('the gate of an API', () => {
  const post = (before: Parts, after: Parts, ...expected: string[]) =>
    [placed(before), placed(after), expected] as const;
  const get = (before: z.ZodType, after: z.ZodType, ...expected: string[]) =>
    [listed(before), listed(after), expected] as const;
  const body = (shape: Record<string, z.ZodType>) => ({ body: strictObject({ sku: string(), ...shape }) });
  const open = (shape: Record<string, z.ZodType>) => ({ body: object({ sku: string(), ...shape }) });
  const reply = (shape: Record<string, z.ZodType>) => ({
    responses: { 201: object({ id: string(), ...shape }).meta({ id: 'Order' }) },
  });
  const [small, large] = [oneOf(['s']), oneOf(['s', 'm'])];

  for (const [what, [before, after, expected]] of Object.entries({
    'nothing in the same document': post({}, {}),
    'a required field of the body': post(
      {},
      body({ note: string() }),
      'error field-added-required POST /orders body.note',
    ),
    'an optional field of a body without unknown fields': post(
      {},
      body({ note: string().optional() }),
      'warning field-refused-before POST /orders body.note',
    ),
    'no optional field of a body that may have unknown fields': post(open({}), open({ note: string().optional() })),
    'a field that the body may no longer have': post(
      body({ note: string().optional() }),
      {},
      'error field-refused-now POST /orders body.note',
    ),
    'a removed value of the body': post(
      body({ size: large }),
      body({ size: small }),
      'error enum-value-removed POST /orders body.size',
    ),
    'an added value of the body': post(
      body({ size: small }),
      body({ size: large }),
      'warning enum-value-added POST /orders body.size',
    ),
    'another default': post(
      body({ size: large.default('s') }),
      body({ size: large.default('m') }),
      'warning default-changed POST /orders body.size',
    ),
    'no default of an optional field': post(body({ size: large.optional() }), body({ size: large.default('s') })),
    'a required parameter': get(
      object({}),
      object({ status: string() }),
      'error field-added-required GET /orders query.status',
    ),
    'no optional parameter': get(object({}), object({ status: string().optional() })),
    'a narrower parameter': get(
      object({ size: large.optional() }),
      object({ size: small.optional() }),
      'error enum-value-removed GET /orders query.size',
    ),
    'a removed field of a response': post(
      reply({ total: z.int() }),
      {},
      'error field-removed-required POST /orders 201 total',
    ),
    'a required field of a response': post(
      {},
      reply({ total: z.int() }),
      'error field-added-required POST /orders 201 total',
    ),
    'no optional field of a response': post({}, reply({ total: z.int().optional() })),
    'an added value of a response': post(
      reply({ size: small }),
      reply({ size: large }),
      'error enum-value-added POST /orders 201 size',
    ),
    'another status after a success': post(
      {},
      { responses: { 202: answer } },
      'error status-removed POST /orders 201',
      'error status-added POST /orders 202',
    ),
    'a renamed operation': post({}, { operationId: 'createOrder' }, 'warning operation-renamed POST /orders'),
    'no problem': post({}, { problems: [gone] }),
  })) {
    it(`reports ${what}`, () => expect(lines(before, after)).to.deep.equal(expected));
  }

  it('reports a removed route, and no added one', () => {
    expect(lines(placed(), document())).to.deep.equal(['error route-removed POST /orders']);
    expect(lines(document(), placed())).to.deep.equal([]);
  });

  it('names the place, an example, the reason and the remedy', () => {
    const [required] = checkApi(placed(), placed(body({ note: string() }))).findings;
    expect(required).to.deep.include({
      rule: 'field-added-required',
      type: 'POST /orders',
      pointer: '/paths/~1orders/post/requestBody/content/application~1json/schema/properties/note',
      field: 'body.note',
      backward: 'breaks',
      why: 'Requests of old clients do not have the field.',
      remedy: 'Make it optional until every server and client of the old release is gone.',
    });
    expect(required).not.to.have.property('version');
    expect(required?.refusedStored).to.deep.include({ body: { sku: 'text' } });
    const [removed] = checkApi(placed(reply({ total: z.int() })), placed()).findings;
    expect(removed).to.include({
      pointer: '/paths/~1orders/post/responses/201/content/application~1json/schema/properties/total',
      why: 'Older clients require the field.',
      remedy: 'Undo the change, or serve it under another path.',
    });
    const [parameter] = checkApi(listed(object({})), listed(object({ status: string() }))).findings;
    expect(parameter).to.include({ pointer: '/paths/~1orders/get/parameters/query/status' });
  });

  it('compares the API of the platform within a second', () => {
    const api = committedDocument(fleet, { fulfilment: 'orchestrated' }) ?? {};
    const since = process.cpuUsage();
    const { findings, compared } = checkApi(api, structuredClone(api));
    const { user, system } = process.cpuUsage(since);
    expect(findings).to.deep.equal([]);
    expect(compared).to.be.above(15);
    expect((user + system) / 1000).to.be.below(1000);
  });
});
