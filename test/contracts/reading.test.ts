import { expect } from 'chai';
import { z } from 'zod';
import { readMessage } from '../../src/contracts/reading.js';
import { event } from '../../src/events/definition.js';

const v1 = z.strictObject({ id: z.string(), cents: z.int() });
const v2 = z.strictObject({ id: z.string(), cents: z.int(), currency: z.enum(['USD', 'EUR']) });
const definitions = {
  'order.created': event({ 1: v1, 2: v2 }, { 1: (data) => ({ ...data, currency: 'USD' }) }),
  'order.mistaken': event({ 1: v1, 2: v2 }, { 1: (data) => ({ ...data, currency: 'usd' }) }),
  'order.broken': event({ 1: v1, 2: v2 }, { 1: ({ id }) => ({ id: JSON.parse(id) as string }) as never }),
};

const read = (type: string, version: number | string, data: unknown) => {
  const message = {
    specversion: '1.0',
    id: '1',
    source: 'core',
    type,
    time: '2026-01-01T00:00:00Z',
    dataschema: `urn:flotilla:${type}:${version}`,
    data,
  };
  const {
    event,
    version: found,
    failure,
  } = readMessage(definitions, {
    body: JSON.stringify(message),
    properties: { contentType: 'application/cloudevents+json' },
  });
  return { type: event?.type, version: found, code: failure?.code, message: failure?.message };
};

describe('reading a message with a catalogue', () => {
  const data = { id: 'o1', cents: 5 };

  it('reads every version of the catalogue, with unknown fields', () => {
    expect(read('order.created', 1, { ...data, note: 'x' })).to.include({ version: 1, code: undefined });
    expect(read('order.created', 2, { ...data, currency: 'EUR' })).to.include({ version: 2, code: undefined });
  });

  it('reports data that their own version refuses', () => {
    const found = read('order.created', 1, { id: 'o1' });
    expect(found).to.include({ type: 'order.created', version: 1, code: 'contract.invalid_data' });
    expect(found.message).to.contain('cents');
  });

  it('reports a result of an upcaster that the newest version refuses, and an upcaster that throws', () => {
    const mistaken = read('order.mistaken', 1, data);
    expect(mistaken).to.include({ version: 1, code: 'contract.upcast_failed' });
    expect(mistaken.message).to.contain('urn:flotilla:order.mistaken:2').and.contain('currency');
    expect(read('order.mistaken', 2, { ...data, currency: 'USD' }).code).to.equal(undefined);
    expect(read('order.broken', 1, data)).to.include({ version: 1, code: 'contract.upcast_failed' });
  });

  it('reports newer versions, unknown types and foreign schemas', () => {
    expect(read('order.created', 3, data)).to.include({ version: 3, code: 'contract.newer_version' });
    expect(read('order.unknown', 1, data)).to.include({ version: 1, code: 'contract.unknown_type' });
    expect(read('order.created', 'x', data)).to.include({ version: undefined, code: 'contract.not_an_event' });
  });

  it('reports what is no event', () => {
    const { event, version, failure } = readMessage(definitions, { body: 'not json', properties: {} });
    expect({ event, version, code: failure?.code }).to.deep.equal({
      event: undefined,
      version: undefined,
      code: 'contract.not_json',
    });
  });
});
