import { expect } from 'chai';
import type { Delivery, OutgoingMessage, StreamEntry } from '../../../src/broker/broker.js';
import type { Fields } from '../../../src/broker/messages/amqp-fields.js';
import { HEADERS } from '../../../src/broker/messages/headers.js';
import { createMemoryBroker } from '../../../src/broker/memory/broker.js';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { signedBroker, type Verification } from '../../../src/broker/signing/signed-broker.js';
import { isSigned, signed } from '../../../src/broker/signing/signature.js';
import { slotHeaders } from '../../../src/broker/messages/slot-headers.js';
import { topologyOf } from '../../../src/broker/topology/topology.js';
import { hasCode } from '../../../src/errors.js';
import { positionOf } from '../../../src/event-log/positions/position.js';
import { derivedId } from '../../../src/events/ids.js';

const OLD = 'o'.repeat(32);
const NEW = 'n'.repeat(32);

describe('signatures of a fleet', () => {
  const open = async (key: string, verification: Verification = 'require') => {
    const plain = createMemoryBroker();
    await plain.applyTopology(
      topologyOf(
        ['payment', 'email'].map((name) => ({ name, patterns: [], retryDelays: [] })),
        { prefix: '', log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 10 },
      ),
    );
    const unsigned: string[] = [];
    const onUnsigned = (queue: string) => unsigned.push(queue);
    const broker = signedBroker(plain, { keys: parseFleetKeys(key), verification, onUnsigned });
    return { plain, broker, unsigned };
  };
  const message = (headers: Fields = {}, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
    exchange: '',
    routingKey: 'payment',
    body: Buffer.from('{}'),
    properties: { headers },
    ...more,
  });
  const received = async (from: Pick<ReturnType<typeof createMemoryBroker>, 'consume'>, queue = 'payment') => {
    let close = () => Promise.resolve();
    const delivery = await new Promise<Delivery>((resolve) => {
      const consumer = from.consume(queue, { prefetch: 1, onDelivery: resolve });
      close = () => consumer.close();
    });
    delivery.ack();
    await close();
    return delivery;
  };
  const publish = async (to: Pick<ReturnType<typeof createMemoryBroker>, 'createPublisher'>, sent: OutgoingMessage) => {
    const publisher = to.createPublisher();
    await publisher.ready();
    await publisher.publish(sent);
    await publisher.close();
  };
  const vouch = { origin: 'fleet', for: 'payment' } as const;
  const control = { [HEADERS.attempt]: 3, [HEADERS.replay]: 'r1', [HEADERS.again]: true, tenant: 't1' };

  it('are not expected of devices, whose messages are not reported', async () => {
    const plain = createMemoryBroker();
    const telemetry = { patterns: ['tanks.*.level'], replies: [] };
    const tanks = { name: 'tanks', patterns: [], retryDelays: [], telemetry };
    await plain.applyTopology(
      topologyOf([tanks], { prefix: '', log: { maxAge: '1h', maxBytes: 1_000_000 }, unroutedMax: 10 }),
    );
    const unsigned: string[] = [];
    const broker = signedBroker(plain, {
      ...{ keys: parseFleetKeys(NEW), verification: 'require', devices: 'telemetry' },
      onUnsigned: (queue) => unsigned.push(queue),
    });
    await publish(plain, message({}, { exchange: 'telemetry', routingKey: 'tanks.t1.level' }));
    expect((await received(broker, 'tanks')).origin).to.equal('outside');
    expect(unsigned).to.deep.equal([]);
    await publish(plain, message({}, { routingKey: 'tanks' }));
    expect((await received(broker, 'tanks')).origin).to.equal('outside');
    expect(unsigned).to.deep.equal(['tanks']);
  });

  it('identify messages of the fleet, and keep their headers', async () => {
    const { broker, unsigned } = await open(NEW);
    await publish(broker, message(control, { vouch }));
    const { origin, properties } = await received(broker);
    expect(origin).to.equal('fleet');
    expect(properties.headers).to.include(control);
    expect(unsigned).to.deep.equal([]);
  });

  it('remove the control headers of an unsigned message', async () => {
    const { plain, broker, unsigned } = await open(NEW);
    await publish(plain, message({ ...control, [HEADERS.key]: 'k', [HEADERS.subject]: 'order/1' }));
    const { origin, properties } = await received(broker);
    expect(origin).to.equal('outside');
    expect(properties.headers).to.deep.include({ tenant: 't1', [HEADERS.subject]: 'order/1' });
    expect(Object.keys(properties.headers)).to.not.include.members([HEADERS.attempt]);
    for (const name of Object.keys(control))
      if (name !== 'tenant') expect(properties.headers).to.not.have.property(name);
    expect(properties.headers).to.not.have.property(HEADERS.key);
    expect(unsigned).to.deep.equal(['payment']);
  });

  it('of an entry of the log are verified once it is read beyond its position', async () => {
    const { plain, broker, unsigned } = await open(NEW);
    await publish(plain, message(control, { exchange: 'events', routingKey: 'job.begun' }));
    const entry = await new Promise<StreamEntry>((onEntry) => {
      broker.readStream('events.log', { from: 'first', prefetch: 1, onEntry });
    });
    expect(positionOf(entry).offset).to.equal(0);
    expect(entry.routingKey).to.equal('job.begun');
    expect(unsigned).to.deep.equal([]);
    expect(entry.properties.headers).to.not.have.property(HEADERS.attempt);
    expect(entry.origin).to.equal('outside');
    expect(unsigned).to.deep.equal(['events.log']);
    await broker.close();
  });

  const forgeries: Record<string, (genuine: Delivery) => OutgoingMessage> = {
    'another body': ({ properties }) => ({ ...message(properties.headers), body: Buffer.from('{"a":1}') }),
    'another attempt': ({ properties }) => message({ ...properties.headers, [HEADERS.attempt]: 1 }),
    'an additional header': ({ properties }) => message({ ...properties.headers, [HEADERS.sideEffects]: true }),
    'a removed header': ({ properties: { headers } }) => {
      const { [HEADERS.again]: _, ...rest } = headers;
      return message(rest);
    },
    'another queue': ({ properties }) => message(properties.headers, { routingKey: 'email' }),
  };
  for (const [what, forge] of Object.entries(forgeries)) {
    it(`are invalid for ${what}`, async () => {
      const { plain, broker } = await open(NEW);
      await publish(broker, message(control, { vouch }));
      const forged = forge(await received(plain));
      await publish(plain, forged);
      expect((await received(broker, forged.routingKey)).origin).to.equal('outside');
    });
  }

  it('do not cover headers that only route, which earlier releases did not sign', () => {
    const keys = parseFleetKeys(OLD);
    const body = Buffer.from('{}');
    const { headers = {} } = signed(keys, body, { headers: { [HEADERS.subject]: 'a', ...slotHeaders('a') } });
    const older = { [HEADERS.signature]: headers[HEADERS.signature] ?? '' };
    expect(isSigned(keys, body, { headers: older })).to.equal(true);
    expect(isSigned(keys, body, { headers: { ...older, [HEADERS.replaces]: '[]' } })).to.equal(false);
  });

  it('preserve the external origin of a message that the fleet republishes', async () => {
    const { broker } = await open(NEW);
    await publish(broker, message(control, { vouch: { ...vouch, origin: 'outside' } }));
    const { origin, properties } = await received(broker);
    expect(origin).to.equal('outside');
    expect(properties.headers).to.include(control);
  });

  it('are not required under warn and off, and reported as missing under warn only', async () => {
    for (const [verification, reports] of [
      ['warn', ['payment']],
      ['off', []],
    ] as const) {
      const { plain, broker, unsigned } = await open(NEW, verification);
      await publish(plain, message(control));
      const { origin, properties } = await received(broker);
      expect(origin).to.equal('unverified');
      expect(properties.headers).to.include(control);
      expect(unsigned).to.deep.equal(reports);
    }
  });

  it('of an earlier key are valid while it is listed, unless it is listed for ids only', async () => {
    const { broker: before } = await open(OLD);
    const accepted = parseFleetKeys(`${NEW}@2026-06-01,${OLD}`);
    const retired = parseFleetKeys(`${NEW}@2026-06-01,ids:${OLD}`);
    for (const [keys, origin] of [
      [accepted, 'fleet'],
      [retired, 'outside'],
      [parseFleetKeys(NEW), 'outside'],
    ] as const) {
      await publish(before, message(control, { vouch }));
      expect((await received(signedBroker(before, { keys, verification: 'require' }))).origin).to.equal(origin);
    }
  });

  it('require keys of a minimum length with distinct dates', () => {
    for (const text of ['short', '', `${NEW},${OLD}`, `ids:${NEW}`, `${NEW}@yesterday`, `${NEW} ${OLD}`]) {
      let thrown: unknown;
      try {
        parseFleetKeys(text);
      } catch (error) {
        thrown = error;
      }
      expect(hasCode(thrown, 'config.invalid'), text).to.equal(true);
      if (text.length > 10) expect(String(thrown)).to.not.include(text.slice(0, 10));
    }
  });
});

describe('derived ids with a fleet key', () => {
  const before = Date.parse('2026-05-31T23:59:59.999Z');
  const after = Date.parse('2026-06-01T00:00:00Z');

  it('are deterministic, and differ without the key or with another key', () => {
    const { deriveId } = parseFleetKeys(NEW);
    expect(deriveId(after, 'a', 1)).to.equal(deriveId(after, 'a', 1));
    expect(deriveId(after, 'a', 1)).to.not.equal(derivedId(after, 'a', 1));
    expect(deriveId(after, 'a', 1)).to.not.equal(parseFleetKeys(OLD).deriveId(after, 'a', 1));
    expect(deriveId(after, 'ab', 'c')).to.not.equal(deriveId(after, 'a', 'bc'));
    expect(deriveId(after, 'a', 1).slice(0, 15)).to.equal(derivedId(after, 'a', 1).slice(0, 15));
  });

  it('of causes before the date of the key are derived as before', () => {
    const first = parseFleetKeys(`${OLD}@2026-01-01`);
    const rotated = parseFleetKeys(`${NEW}@2026-06-01T00:00Z,ids:${OLD}@2026-01-01`);
    expect(rotated.deriveId(before, 'a')).to.equal(first.deriveId(before, 'a'));
    expect(rotated.deriveId(after, 'a')).to.equal(parseFleetKeys(NEW).deriveId(after, 'a'));
    expect(rotated.deriveId(Date.parse('2025-12-31'), 'a')).to.equal(derivedId(Date.parse('2025-12-31'), 'a'));
  });
});
