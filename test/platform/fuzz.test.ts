import { Agent, request } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import fc from 'fast-check';
import { routes } from '../../platform/routes.js';
import { broken, fromSchema, type Schema } from '../support/from-schema.js';
import { seed } from '../support/seed.js';
import { details } from './support/events.js';
import { startShop, type Shop } from './support/shop.js';

/** The number of requests to each operation. A failure prints the seed and the shrunk request. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 40);

interface Parameter {
  $ref?: string;
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

interface Response {
  $ref?: string;
  headers?: Record<string, { $ref?: string; required?: boolean; schema: Schema }>;
  content?: Record<string, { schema: Schema }>;
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Response>;
}

interface Sent {
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: unknown;
  /** Replaces the body with text that may not be JSON. */
  raw: string | undefined;
  /** Whether the document allows the whole request. */
  isValid: boolean;
}

interface Received {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

const served = routes({ fulfilment: 'orchestrated' }, ['sensors']);

const tags = fc
  .array(fc.tuple(fc.constantFrom('', 'W/'), fc.constantFrom('"1"', '"2"', '"x,y"', '"', '1', '*', '')), {
    maxLength: 4,
  })
  .map((list) => list.map((tag) => tag.join('')).join(', '));

/** Characters that a header may contain. */
const SENDABLE = /^[\x20-\x7e]*$/;

const names = (parameters: Parameter[]) => ['unknown', ...parameters.map(({ name }) => name)];

describe('the API, fuzzed from its OpenAPI document', function () {
  this.timeout(60_000);
  const agent = new Agent({ keepAlive: true });
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const validators = new Map<string, ValidateFunction>();
  let shop: Shop;
  let document: { paths: Record<string, Record<string, Operation>> };
  /** Existing ids, by the first segment of the path. */
  let ids: Record<string, string[]>;

  before(async () => {
    shop = await startShop();
    const { api } = shop;
    document = (await api.send('GET', '/openapi.json')).body as typeof document;
    ajv.addSchema(document, 'api');
    const create = async (path: string, body: unknown) => (await api.send('POST', path, { body })).body.id as string;
    const users = await create('/users', { name: 'Ada', email: 'ada@example.org' });
    const accounts = await create('/accounts', { owner: 'Ada', currency: 'USD', initialDeposit: 1000 });
    for (const { sku } of details.items)
      await create(`/inventory/${sku}/adjustments`, { quantity: 100, reason: 'delivery' });
    while (await shop.step());
    const { total: _total, ...order } = details;
    const shipped = await create('/orders', { ...order, userId: users });
    const reading = { type: 'temperature', value: 40 };
    await api.send('POST', '/sensors/s1/readings', { body: reading });
    while (await shop.step());
    const pending = await create('/orders', { ...order, userId: users });
    ids = { users: [users], accounts: [accounts], orders: [shipped, pending], sensors: ['s1'] };
  });
  after(async () => {
    agent.destroy();
    await shop.close();
  });

  const at = <T>(ref: string) =>
    ref
      .split('/')
      .slice(1)
      .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document) as T;
  const resolved = <T extends { $ref?: string }>(part: T): T => (part.$ref === undefined ? part : at<T>(part.$ref));
  const isValid = (schema: Schema, value: unknown) => {
    const key = JSON.stringify(schema);
    let validate = validators.get(key);
    if (validate === undefined) {
      validate = ajv.compile(JSON.parse(key.replaceAll('"#/components', '"api#/components')) as Schema);
      validators.set(key, validate);
    }
    return validate(value);
  };
  const valid = (schema: Schema) => fromSchema(schema, { resolve: (ref) => at<Schema>(ref), isValid });

  /** Requests to an operation, about half of them valid according to the document. */
  function requests(path: string, { parameters = [], requestBody }: Operation): fc.Arbitrary<Sent> {
    const all = parameters.map(resolved);
    // the document cannot express that a cursor belongs to one list
    const of = (place: Parameter['in'], skipped: string[] = []) =>
      all.filter((each) => each.in === place && !skipped.includes(each.name));
    const value = ({ in: place, schema }: Parameter) =>
      valid(schema)
        .map(String)
        .filter((text) => place !== 'header' || SENDABLE.test(text));
    const record = (list: Parameter[]) =>
      fc
        .record(Object.fromEntries(list.map((each) => [each.name, value(each)])), {
          requiredKeys: list.filter(({ required }) => required).map(({ name }) => name),
          noNullPrototype: true,
        })
        .map((found) => found as Record<string, string>);
    /** Ids, half of them existing ones. */
    const known = <T>(values: T, field: string, existing: readonly string[] = []): fc.Arbitrary<T> =>
      typeof values === 'object' && values !== null && field in values && existing.length > 0
        ? fc.constantFrom(values, ...existing.map((id) => ({ ...values, [field]: id })))
        : fc.constant(values);
    const pathValues = record(of('path')).chain((values) => known(values, 'id', ids[path.split('/')[1] ?? '']));
    const schema = requestBody?.content['application/json']?.schema;
    const body =
      schema === undefined
        ? fc.constant(undefined)
        : valid(schema).chain((values) => known(values, 'userId', ids.users));
    const optional = requestBody?.required === false ? fc.option(body, { nil: undefined }) : body;
    const good = fc
      .record({
        path: pathValues,
        query: record(of('query', ['cursor'])).filter(({ since = '', until = '9' }) => since <= until),
        headers: record(of('header', ['X-Correlation-Id', 'traceparent', 'If-Match'])),
        body: optional,
      })
      .map((sent): Sent => ({ ...sent, raw: undefined, isValid: true }));
    const printable = fc.string({ maxLength: 60 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?'));
    const oddHeaders = fc.record(
      {
        ...Object.fromEntries(of('header').map(({ name }) => [name, fc.oneof(printable, tags)])),
        'Content-Type': fc.constantFrom('text/plain', 'application/json; charset=latin1', 'application/x+json', ';'),
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    const bad = good.chain((sent) => {
      const text = JSON.stringify(sent.body) ?? '';
      return fc.record({
        path: fc.constant(sent.path),
        query: fc.oneof(fc.constant(sent.query), fc.dictionary(fc.constantFrom(...names(of('query'))), fc.string())),
        headers: oddHeaders,
        body: fc.oneof(fc.constant(sent.body), broken(sent.body)),
        raw: fc.option(fc.constantFrom('', '{', '[1,]', '\u0000', text.slice(0, -1), `${text}x`, '"'.repeat(300_000)), {
          freq: 8,
          nil: undefined,
        }),
        isValid: fc.constant(false),
      });
    });
    return fc.oneof(good, bad);
  }

  async function send(method: string, path: string, sent: Sent): Promise<Received> {
    const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(sent.path[name] ?? ''));
    const query = new URLSearchParams(sent.query).toString();
    const text = sent.raw ?? (sent.body === undefined ? undefined : JSON.stringify(sent.body));
    const hasBody = method === 'post' && text !== undefined;
    return new Promise((resolve, reject) => {
      // fetch would normalize the path and refuse some headers
      const outgoing = request(
        shop.api.url,
        {
          agent,
          method: method.toUpperCase(),
          path: query === '' ? target : `${target}?${query}`,
          headers: { ...(hasBody && { 'Content-Type': 'application/json' }), ...sent.headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const { statusCode = 0, headers } = response;
            resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString() });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(hasBody ? text : undefined);
    });
  }

  /** Throws unless the document describes this response. */
  function check({ responses }: Operation, { status, headers, text }: Received): void {
    expect(status, text).to.be.below(500);
    const documented = responses[status];
    if (documented === undefined) throw new Error(`undocumented: ${status} ${text}`);
    const { headers: described = {}, content } = resolved(documented);
    for (const [name, header] of Object.entries(described)) {
      const { required = false, schema } = resolved(header);
      const value = headers[name.toLowerCase()];
      if (value === undefined && !required) continue;
      expect(value, `${status} lacks ${name}`).to.be.a('string');
      expect(isValid(schema, schema.type === 'integer' ? Number(value) : value), `${name}: ${String(value)}`).to.equal(
        true,
      );
    }
    const [[type, { schema } = { schema: {} }] = []] = Object.entries(content ?? {});
    if (type === undefined) return expect(text).to.equal('') as unknown as undefined;
    expect(headers['content-type']).to.match(new RegExp(`^${type.replace('+', '\\+')}(;|$)`));
    const body: unknown = JSON.parse(text);
    expect(isValid(schema, body), `${status} ${text} is not ${JSON.stringify(schema)}`).to.equal(true);
  }

  for (const { method, path: routePath } of served) {
    const path = routePath.replace(/:(\w+)/g, '{$1}');
    it(`${method.toUpperCase()} ${path} responds as documented, and accepts every documented request`, async () => {
      const operation = document.paths[path]?.[method];
      if (operation === undefined) throw new Error('not documented');
      const schema = operation.requestBody?.content['application/json']?.schema;
      const statuses = new Set<number>();
      const property = fc.asyncProperty(requests(path, operation), async (sent) => {
        const received = await send(method, path, sent);
        check(operation, received);
        statuses.add(received.status);
        if (sent.isValid) expect(received.status, received.text).not.to.be.oneOf([400, 412, 413, 415]);
        const isRefused = schema !== undefined && sent.raw === undefined && !isValid(schema, sent.body);
        if (isRefused && sent.body !== undefined) expect(received.status).to.be.within(400, 499);
      });
      await fc.assert(property, { numRuns: RUNS, seed });
      expect([...statuses].filter((status) => status < 300)).not.to.deep.equal([]);
    });
  }
});
