import { expect } from 'chai';
import type { Broker } from '../../../src/broker/broker.js';
import { createManagement } from '../../../src/broker/rabbitmq/management/management.js';
import { createRabbitBroker } from '../../../src/broker/rabbitmq/broker.js';
import { parseFleetKeys, type FleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { registerKey, requireKey } from '../../../src/broker/signing/key-registration.js';
import { namesFor, type Names } from '../../../src/broker/topology/topology.js';
import { hasCode } from '../../../src/errors.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { cleanUp, testBroker } from '../../support/rabbitmq.js';

describe('the fleet key registered in the broker', function () {
  this.timeout(60_000);
  const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
  let broker: Broker;
  let names: Names;
  let prefix: string;
  let replace: () => Promise<void>;

  beforeEach(async () => {
    const shared = await testBroker();
    ({ prefix } = shared);
    names = namesFor(prefix);
    const { amqpUrl: url, managementUrl } = shared;
    broker = createRabbitBroker({ url, managementUrl, connectionName: prefix, logger: silentLogger() });
    replace = () => createManagement({ url: managementUrl }).deleteExchange(names.fleetKey);
  });
  afterEach(async () => {
    await broker.close();
    await replace();
    await cleanUp(prefix);
  });

  const claim = (keys: FleetKeys) =>
    registerKey(async (topology) => void (await broker.applyTopology(topology)), names, keys, replace);
  const isRefused = async (work: Promise<unknown>) => {
    const thrown: unknown = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    return hasCode(thrown, 'fleet.key_mismatch');
  };

  it('allows processes with that key to start, and none with another key or without a key', async () => {
    await requireKey(broker, names, undefined);
    await claim(parseFleetKeys(first));
    await claim(parseFleetKeys(first));
    await requireKey(broker, names, parseFleetKeys(first));
    expect(await isRefused(claim(parseFleetKeys(second)))).to.equal(true);
    expect(await isRefused(requireKey(broker, names, parseFleetKeys(second)))).to.equal(true);
    expect(await isRefused(requireKey(broker, names, undefined))).to.equal(true);
  });

  it('is replaced in a rotation, after which the old key alone is rejected', async () => {
    await claim(parseFleetKeys(first));
    await claim(parseFleetKeys(`${second}@2026-06-01,${first}`));
    await claim(parseFleetKeys(`${second}@2026-06-01,ids:${first}`));
    expect(await isRefused(claim(parseFleetKeys(first)))).to.equal(true);
  });
});
