import { expect } from 'chai';
import { CloudEvent, HTTP, ValidationError } from 'cloudevents';
import fc from 'fast-check';
import { z } from 'zod';
import { baseCatalogue, catalogue, event, FlotillaError, originContext } from 'flotilla';
import { parseFleetKeys } from '../../src/broker/signing/fleet-keys.js';
import { derivedId, newId } from '../../src/events/ids.js';
import { bySpecificity, matches } from '../../src/events/patterns.js';

describe('a catalogue', () => {
  const shop = catalogue(baseCatalogue, { 'basket.filled': event({ 1: z.strictObject({ basketId: z.string() }) }) });

  it('rejects a duplicate name, also of the parent', () => {
    const duplicate: Record<string, ReturnType<typeof event>> = { 'basket.filled': event({ 1: z.object({}) }) };
    expect(() => catalogue(shop, duplicate))
      .to.throw(FlotillaError)
      .with.property('code', 'contract.duplicate_type');
  });

  it('rejects invalid names', () => {
    for (const name of ['basket', 'Basket.filled', 'a.b.c.d', 'basket.', 'basket filled', '.filled', 'basket.*']) {
      expect(() => catalogue(baseCatalogue, { [name]: event({ 1: z.object({}) }) }), name)
        .to.throw(FlotillaError)
        .with.property('code', 'contract.bad_type_name');
    }
  });

  it('rejects a gap in the versions, and missing and superfluous upcasters', () => {
    const v = z.object({});
    const same = (data: unknown) => data as never;
    const stale: object = { 1: same, 2: same };
    const wrong: [define: () => unknown, problem: string][] = [
      [() => event({}), 'there is no version'],
      [() => event({ 0: v }), '0 is not a version'],
      [() => event({ 1: v, 3: v }, { 1: same }), 'version 2 of 3 is missing'],
      [() => event({ 1: v, 2: v, 3: v }, { 2: same }), 'version 1 of 3 has no upcaster'],
      [() => event({ 1: v, 2: v }, { 1: same, 2: same }), 'the upcaster of version 2 converts to no version'],
      [() => event({ 2: v, 3: v }, stale), 'the upcaster of version 1 converts to no version'],
    ];
    for (const [define, problem] of wrong) {
      expect(define, problem).to.throw(FlotillaError, problem).with.property('code', 'contract.bad_versions');
    }
  });

  it('accepts an upcaster at compile time only with each required field of the next version', () => {
    const v1 = z.strictObject({ name: z.string(), other: z.json() });
    const v2 = v1.extend({ unit: z.enum(['g', 'kg']), size: z.int().nullable(), note: z.string().optional() });
    event({ 1: v1, 2: v1 }, { 1: (data) => data });
    event(
      { 1: v1, 2: v2, 3: v1 },
      { 1: (data) => ({ ...data, unit: 'kg', size: null }), 2: ({ name }) => ({ name, other: 1 }) },
    );
    event({ 2: v1, 3: v2 }, { 2: (data) => ({ ...data, unit: 'kg', size: 3, note: 'n' }) });
    // @ts-expect-error unit and size are missing
    event({ 1: v1, 2: v2 }, { 1: (data) => data });
    // @ts-expect-error unit is a string
    event({ 1: v1, 2: v2 }, { 1: (data) => ({ ...data, unit: 1, size: 3 }) });
    // @ts-expect-error unit and size are missing in the result for version 3
    event({ 2: v1, 3: v2 }, { 2: (data) => data });
    expect(v1).to.not.equal(v2);
  });

  it('may begin with a later version than 1: earlier ones are retired', () => {
    const retired = catalogue(baseCatalogue, {
      'basket.filled': event(
        { 2: z.strictObject({ id: z.string() }), 3: z.strictObject({ id: z.string(), size: z.int() }) },
        { 2: (data) => ({ ...data, size: 1 }) },
      ),
    });
    const origin = originContext({ source: 'core', subject: 'basket/b1' });
    const made = retired.create('basket.filled', { id: 'b1', size: 2 }, origin);
    expect(made.dataschema).to.equal('urn:flotilla:basket.filled:3');
    const decode = (version: number, data: unknown) =>
      retired.decode(
        Buffer.from(JSON.stringify({ ...made, dataschema: `urn:flotilla:basket.filled:${version}`, data })),
        'application/cloudevents+json',
      );
    expect(decode(2, { id: 'b1' })).to.deep.include({ dataschema: made.dataschema, data: { id: 'b1', size: 1 } });
    expect(() => decode(1, { id: 'b1' }))
      .to.throw(FlotillaError, 'basket.filled 1, known from 2')
      .with.property('code', 'contract.retired_version');
    expect(() => decode(4, { id: 'b1' }))
      .to.throw(FlotillaError, 'basket.filled 4, known up to 3')
      .with.property('code', 'contract.newer_version');
  });

  it('creates events that the official CloudEvents SDK accepts', () => {
    const made = shop.create(
      'basket.filled',
      { basketId: 'b1' },
      originContext({ source: 'core', subject: 'basket/b1' }),
    );
    const accepted = new CloudEvent({ ...made, sequence: '1' });
    expect(accepted.validate()).to.equal(true);
    const parsed = HTTP.toEvent({
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify({ ...made, sequence: '1' }),
    });
    expect(parsed).to.have.property('id', made.id);
    expect(() => new CloudEvent({ ...made, dataschema: '/schemas/x' })).to.throw(ValidationError);
  });
});

describe('ids', () => {
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([78])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  it('sort by creation time', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 42), fc.integer({ min: 1, max: 10_000 }), (time, later) => {
        expect(newId(time)).to.match(UUID);
        expect(newId(time) < newId(time + later)).to.equal(true);
        expect(derivedId(time, 'a') < derivedId(time + later, 'b')).to.equal(true);
      }),
    );
  });

  it('of one millisecond are unique and sort in creation order', () => {
    const made = Array.from({ length: 100_000 }, () => newId(1));
    expect([...made].sort()).to.deep.equal(made);
    expect(new Set(made).size).to.equal(made.length);
    expect(made.every((id) => UUID.test(id))).to.equal(true);
  });

  it('derived from the same parts are equal, and differ otherwise', () => {
    expect(derivedId(5, 'a', 1))
      .to.equal(derivedId(5, 'a', 1))
      .and.to.match(UUID);
    expect(derivedId(5, 'a', 1)).not.to.equal(derivedId(5, 'a', 2));
    expect(derivedId(5, 'ab', 'c')).not.to.equal(derivedId(5, 'a', 'bc'));
  });

  it('derived from parts are those of every earlier version', () => {
    const time = Date.parse('2026-01-01T00:00:00Z');
    expect(derivedId(time, 'order', 'ü', 7)).to.equal('019b76da-a800-83c6-a1ec-73343fd76296');
    expect(derivedId(-5.5)).to.equal('00000000-0000-8c14-9afb-f4c8996fb924');
    expect(derivedId(Number.NaN, 'a')).to.equal('00000000-0000-8504-8174-df0b80599ef0');
    const { deriveId } = parseFleetKeys('k'.repeat(32));
    expect(deriveId(time, 'order', 'ü', 7)).to.equal('019b76da-a800-8b17-9328-86551df89af4');
  });
});

describe('topic patterns', () => {
  it('match as specified by AMQP 0-9-1', () => {
    expect(matches('order.*', 'order.created')).to.equal(true);
    expect(matches('order.*', 'order.a.b')).to.equal(false);
    expect(matches('order.#', 'order')).to.equal(true);
    expect(matches('#', 'a.b.c')).to.equal(true);
    expect(matches('#.c', 'a.b.c')).to.equal(true);
    expect(matches('*.b.#', 'a.b')).to.equal(true);
    expect(matches('a.#.c', 'a.c')).to.equal(true);
    expect(matches('a.b', 'a')).to.equal(false);
  });

  it('are sorted with the most specific first', () => {
    expect(['#', 'order.*', 'order.created', 'order.#', '*.created'].sort(bySpecificity)).to.deep.equal([
      'order.created',
      'order.*',
      'order.#',
      '*.created',
      '#',
    ]);
  });
});
