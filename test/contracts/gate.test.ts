import { expect } from 'chai';
import { z } from 'zod';
import { checkCatalogue, outdatedFiles, publishedSchemas, type Committed } from '../../src/contracts/gate.js';
import { generateSamples } from '../../src/contracts/samples.js';
import { command, event, fromOutside, type MessageDefinition } from '../../src/events/definition.js';
import type { Definitions } from '../../src/events/definitions.js';
import { rule } from '../../src/events/named-rules.js';
import type { JsonSchema } from '../../src/events/schema-fields.js';
import { platform } from '../../platform/catalogue.js';
import { pii } from '../../src/events/personal.js';

const order = (shape: Record<string, z.ZodType>) => z.strictObject({ orderId: z.string(), ...shape });

/** What `schemas write` commits. */
const committed = (definitions: Definitions): Committed => outdatedFiles(definitions, { schemas: [], samples: [] });

/** The findings of a catalogue against the schemas of an earlier one. */
function check(before: Definitions, after: Definitions) {
  return checkCatalogue(after, { schemas: publishedSchemas(before), samples: [] });
}

const single = (before: z.ZodType, after: z.ZodType, kind: typeof event | typeof command = event) =>
  check({ 'order.created': kind({ 1: before }) }, { 'order.created': kind({ 1: after }) }).findings;

describe('the gate', () => {
  it('accepts an unchanged catalogue', () => {
    const definitions = { 'order.created': event({ 1: order({}) }), 'order.cancel': command({ 1: order({}) }) };
    expect(check(definitions, definitions)).to.deep.equal({ findings: [], sampleFindings: [], compared: 2 });
    expect(outdatedFiles(definitions, committed(definitions))).to.deep.equal({ schemas: [], samples: [] });
  });

  it('accepts an optional field and a new version, whose files are not written yet', () => {
    const before = { 'order.created': event({ 1: order({}) }) };
    const versions = { 1: order({ note: z.string().optional() }), 2: order({ currency: z.string() }) };
    const after = { 'order.created': event(versions, { 1: (data) => ({ ...data, currency: 'USD' }) }) };
    expect(checkCatalogue(after, committed(before))).to.deep.equal({ findings: [], sampleFindings: [], compared: 1 });
    const { schemas, samples } = outdatedFiles(after, committed(before));
    expect(schemas.map(({ version }) => version)).to.deep.equal([1, 2]);
    expect(samples.map(({ version }) => version)).to.deep.equal([1, 2]);
  });

  it('names the rule, the place, an example and the remedy of a field that became required', () => {
    const item = (note: z.ZodType) => order({ items: z.array(z.strictObject({ sku: z.string(), note })) });
    const [finding, ...more] = single(item(z.string().optional()), item(z.string()));
    expect(more).to.deep.equal([]);
    expect(finding).to.deep.include({
      rule: 'field-became-required',
      severity: 'error',
      type: 'order.created',
      version: 1,
      pointer: '/properties/items/items/properties/note',
      field: 'items[].note',
      backward: 'breaks',
      forward: 'ok',
      refusedStored: { orderId: 'text', items: [{ sku: 'text' }] },
      remedy:
        'Undo the change, and add version 2 of order.created with an upcaster. ' +
        'If no process has written version 1 yet: flotilla schemas write --replace order.created@1',
    });
    expect(finding).not.to.have.property('refusedWritten');
  });

  it('refuses what old code cannot read in an event, and warns of it in a command', () => {
    const [before, after] = [order({ a: z.enum(['x']) }), order({ a: z.enum(['x', 'y']) })];
    expect(single(before, after)).to.have.length(1);
    expect(single(before, after)[0]).to.include({ severity: 'error', rule: 'enum-value-added' });
    const [warning] = single(before, after, command);
    expect(warning).to.include({ severity: 'warning', remedy: 'Deploy the handler before the senders.' });
    expect(single(after, before, command)[0]).to.include({ severity: 'error', rule: 'enum-value-removed' });
  });

  it('compares what old code reads only in versions that are still written', () => {
    const versions = (currency: z.ZodType) => ({ 1: order({ currency }), 2: order({ currency: z.string() }) });
    const types = (currency: z.ZodType, open: (definition: MessageDefinition) => MessageDefinition) => ({
      'order.created': open(event(versions(currency), { 1: (data) => data })),
    });
    const [text, optional, int] = [z.string(), z.string().optional(), z.int()];
    const closed = (definition: MessageDefinition) => definition;
    const open = (definition: MessageDefinition) => fromOutside(definition, 'https://shop.example');
    expect(check(types(text, closed), types(optional, closed)).findings).to.deep.equal([]);
    const [outside] = check(types(text, open), types(optional, open)).findings;
    expect(outside).to.include({ rule: 'field-became-optional', severity: 'error', version: 1 });
    const [stored] = check(types(text, closed), types(int, closed)).findings;
    expect(stored).to.include({ rule: 'type-changed', severity: 'error', version: 1, forward: 'ok' });
    expect(stored).not.to.have.property('refusedWritten');
  });

  it('points to the names of the keys of a record', () => {
    const [finding] = single(z.record(z.string(), z.int()), z.record(z.string().max(3), z.int()));
    expect(finding).to.include({ rule: 'bound-tightened', pointer: '/propertyNames/maxLength', field: '(key)' });
  });

  it('warns of a removed optional field', () => {
    const [finding] = single(order({ note: z.string().optional() }), order({}));
    expect(finding).to.include({ severity: 'warning', rule: 'field-removed-optional', field: 'note' });
  });

  it('refuses a removed type, a removed version and another kind', () => {
    const before = { 'order.created': event({ 1: order({}), 2: order({}) }, { 1: (data) => data }) };
    const rules = (after: Definitions) => check(before, after).findings.map((found) => found.rule);
    expect(rules({})).to.deep.equal(['type-removed', 'type-removed']);
    expect(rules({ 'order.created': event({ 1: order({}) }) })).to.deep.equal(['version-removed']);
    const commands = command({ 1: order({}), 2: order({}) }, { 1: (data) => data });
    expect(rules({ 'order.created': commands })).to.deep.equal(['kind-changed', 'kind-changed']);
  });

  it('refuses a mark of personal data that is lost or added, and a rule that is added or removed', () => {
    const name = z.string();
    expect(single(order({ name: pii(z.string()) }), order({ name }))[0]).to.include({ rule: 'pii-removed' });
    expect(single(order({ name }), order({ name: pii(z.string()) }))[0]).to.include({ rule: 'pii-added' });
    const ruled = rule('even', order({ n: z.int() }), () => true);
    expect(single(order({ n: z.int() }), ruled)[0]).to.include({
      rule: 'rule-added',
      pointer: '/x-rules',
      after: 'even',
    });
    expect(single(ruled, order({ n: z.int() }))[0]).to.include({ rule: 'rule-removed', forward: 'breaks' });
  });

  it('refuses a field whose name had another type in an earlier version', () => {
    const upcast = { 1: ({ orderId }: { orderId: string }) => ({ orderId }) };
    const before = { 'order.created': event({ 1: order({ total: z.string() }), 2: order({}) }, upcast) };
    const after = (total: z.ZodType) => ({
      'order.created': event({ 1: order({ total: z.string() }), 2: order({ total: total.optional() }) }, upcast),
    });
    expect(check(before, after(z.int())).findings[0]).to.include({
      rule: 'field-name-reused',
      severity: 'error',
      version: 2,
      before: 'version 1',
    });
    expect(check(before, after(z.string())).findings).to.deep.equal([]);
  });

  it('gives the same verdicts after an upgrade of zod with other patterns of formats and bounds of integers', () => {
    const { definitions } = platform;
    const types: Definitions = {
      ...definitions,
      'form.sent': event({
        1: z.strictObject({ at: z.iso.datetime(), day: z.iso.date(), id: z.uuid(), page: z.url(), n: z.int() }),
      }),
    };
    const changed = { patterns: 0, bounds: 0 };
    const upgraded = (_key: string, value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      const schema = { ...value } as Record<string, unknown>;
      if (Array.isArray(value)) return value;
      if (typeof schema.format === 'string' && typeof schema.pattern === 'string') {
        schema.pattern = '^of another version$';
        changed.patterns += 1;
      }
      for (const bound of ['minimum', 'maximum']) {
        if (Math.abs(Number(schema[bound])) !== Number.MAX_SAFE_INTEGER) continue;
        delete schema[bound];
        changed.bounds += 1;
      }
      return schema;
    };
    const schemas = publishedSchemas(types).map((committed) => ({
      ...committed,
      schema: JSON.parse(JSON.stringify(committed.schema, upgraded)) as JsonSchema,
    }));
    expect(changed.patterns).to.be.above(5);
    expect(changed.bounds).to.be.above(1);
    expect(checkCatalogue(types, { schemas, samples: [] }).findings).to.deep.equal([]);
  });

  it('compares 100 types within three seconds', () => {
    const shape = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [`field${n}`, z.array(order({ n: z.int() }))]),
    );
    const types = Object.fromEntries(
      Array.from({ length: 100 }, (_, n) => [`type${n}.happened`, event({ 1: order(shape) })]),
    );
    const since = process.cpuUsage();
    expect(check(types, types).findings).to.deep.equal([]);
    const { user, system } = process.cpuUsage(since);
    expect((user + system) / 1000).to.be.below(3000);
  });

  describe('with samples', () => {
    const types = (upcast: (data: { orderId: string }) => unknown) => ({
      'order.created': event({ 1: order({}), 2: order({ currency: z.string() }) }, { 1: upcast as () => never }),
    });
    const inUsd = types((data) => ({ ...data, currency: 'USD' }));

    it('accepts upcasters with the committed results', () => {
      expect(checkCatalogue(inUsd, committed(inUsd)).sampleFindings).to.deep.equal([]);
    });

    it('refuses an upcaster with another result, or that fails', () => {
      const inEur = types((data) => ({ ...data, currency: 'EUR' }));
      const [finding] = checkCatalogue(inEur, committed(inUsd)).sampleFindings;
      expect(finding).to.deep.include({
        rule: 'upcast-changed',
        type: 'order.created',
        version: 1,
        index: 0,
        expected: { orderId: 'text', currency: 'USD' },
        actual: { orderId: 'text', currency: 'EUR' },
      });
      const failing = types(() => {
        throw new Error('no currency');
      });
      expect(checkCatalogue(failing, committed(inUsd)).sampleFindings[0])
        .to.include({ rule: 'upcast-changed' })
        .and.have.property('why')
        .that.contains('no currency');
    });

    it('refuses an upcaster whose result the newest version refuses, also of a version that is not committed yet', () => {
      const unchanged = types((data) => data);
      for (const before of [committed(inUsd), committed({ 'order.created': event({ 1: order({}) }) })]) {
        expect(checkCatalogue(unchanged, before).sampleFindings[0]).to.deep.include({
          rule: 'upcast-refused',
          version: 1,
          actual: { orderId: 'text' },
          why: 'Version 2 refuses it: currency: Invalid input: expected string, received undefined',
        });
      }
    });

    it('compares with the version that was the newest, and then asks for the new form', () => {
      const versions = { 1: order({}), 2: order({ currency: z.string() }), 3: order({ money: z.string() }) };
      const upcasters = {
        1: (data: object) => ({ ...data, currency: 'USD' }),
        2: ({ orderId, currency }: { orderId: string; currency: string }) => ({ orderId, money: currency }),
      };
      const third = { 'order.created': event(versions, upcasters as never) };
      expect(checkCatalogue(third, committed(inUsd)).sampleFindings).to.deep.equal([]);
      const { samples } = outdatedFiles(third, committed(inUsd));
      expect(samples[0]).to.deep.include({ type: 'order.created', version: 1 });
      expect(samples[0]?.samples.samples[0]).to.deep.equal({
        data: { orderId: 'text' },
        upcast: { orderId: 'text', money: 'USD' },
      });
    });

    it('refuses a sample that its version no longer accepts, such as by a rule', () => {
      const even = { 'n.set': event({ 1: rule('even', z.strictObject({ n: z.int() }), () => true) }) };
      const stricter = { 'n.set': event({ 1: rule('even', z.strictObject({ n: z.int() }), ({ n }) => n % 2 === 0) }) };
      const [finding] = checkCatalogue(stricter, committed(even)).sampleFindings;
      expect(finding).to.deep.include({ rule: 'sample-refused', data: { n: 1 }, why: ': violates even' });
    });

    it('generates three valid samples of each version, with and without optional fields', () => {
      const definition = event({ 1: order({ n: z.int(), note: z.enum(['a', 'b']).optional() }) });
      expect(generateSamples('order.created', 1, definition)).to.deep.equal({
        newest: 1,
        samples: [
          { data: { orderId: 'text', n: 0 }, upcast: { orderId: 'text', n: 0 } },
          { data: { orderId: 'text', n: 0, note: 'a' }, upcast: { orderId: 'text', n: 0, note: 'a' } },
          { data: { orderId: 'x', n: 1, note: 'b' }, upcast: { orderId: 'x', n: 1, note: 'b' } },
        ],
      });
    });
  });
});
