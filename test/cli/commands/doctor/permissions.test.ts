import { expect } from 'chai';
import { topologyOf } from '../../../../src/broker/topology/topology.js';
import * as doctor from '../../../../src/cli/commands/doctor/index.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { queuesOfAll } from '../../../../src/worker/definition/queues.js';
import { workerDefinitionOf } from '../../../../src/worker/definition/worker-definition.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { manage } from '../../../support/management.js';
import { shop } from '../../../support/shop.js';

const doer = shop.defineWorker({ name: 'doer', emits: ['job.finished'], on: { 'job.requested': () => undefined } });
const counter = shop.defineWorker({ name: 'counter', on: { 'job.finished': () => undefined } });
const fleet = defineFleet({ catalogue: shop, workers: [doer, counter] });
const REMEDY = 'run the commands that `flotilla topology permissions --user <name>` prints.';

describe('flotilla doctor and permissions', function () {
  this.timeout(60_000);
  let place: FleetPlace;
  let users: string[];
  const password = 'a-password-of-a-test';
  const userOf = (name: string) => `${place.prefix}${name}`;
  const as = (url: string, user: string) => Object.assign(new URL(url), { username: user, password }).href;
  const request = (method: 'PUT' | 'POST' | 'DELETE', path: string, body?: object) =>
    manage(place.managementUrl, method, path, body);

  before(async () => {
    place = await openFleetPlace();
    const broker = await place.connect();
    const log = { maxAge: '1h', maxBytes: 1_000_000 };
    const queues = queuesOfAll(fleet.workers.map(workerDefinitionOf));
    await broker.applyTopology(topologyOf(queues, { prefix: place.prefix, log, unroutedMax: 100 }));
    users = ['doer', 'counter', 'ops', 'operator', 'shared'].map(userOf);
    for (const user of users) await request('PUT', `users/${user}`, { password, tags: 'monitoring' });
  });
  beforeEach(async () => {
    const { out } = await run(place.env, 'topology', 'permissions', '--json');
    await request('POST', 'definitions', JSON.parse(out) as object);
  });
  after(async () => {
    for (const user of users) await request('DELETE', `users/${user}`);
    await place.remove();
  });

  const run = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    runCommand({ modules: [doctor, topology], fleet, env, cwd: place.folder }, args);
  const grant = (user: string, permissions: { configure: string; write: string; read: string }) =>
    request('PUT', `permissions/%2F/${user}`, permissions);
  /** The results of the check for a process that connects as this user. */
  const check = async (user: string, env: NodeJS.ProcessEnv = {}) => {
    const { out, code } = await run({ ...place.env, AMQP_URL: as(place.amqpUrl, user), ...env }, 'doctor', '--json');
    const { items } = JSON.parse(out) as { items: { name: string; ok: boolean; warning?: boolean; detail: string }[] };
    return { code, items: items.filter(({ name }) => name === 'permissions').map(({ name: _, ...item }) => item) };
  };

  it('accepts the printed permissions, and wider ones', async () => {
    const detail = `sufficient: those of ${['doer', 'counter', 'ops', 'operator'].map(userOf).join(', ')}`;
    expect((await check(userOf('doer'))).items).to.deep.equal([{ ok: true, detail }]);
    await grant(userOf('doer'), { configure: '.*', write: `^${place.prefix}`, read: place.prefix });
    expect((await check(userOf('doer'))).items).to.deep.equal([{ ok: true, detail }]);
  });

  it('names what the user of the process may not do, and fails', async () => {
    const { names } = place;
    await grant(userOf('doer'), { configure: '.*', write: `^${names.events.replaceAll('.', '\\.')}$`, read: '' });
    const { code, items } = await check(userOf('doer'));
    expect(code).to.equal(1);
    expect(items).to.have.length(1);
    expect(items[0]).to.have.property('ok', false);
    expect(items[0]?.detail)
      .to.contain(`user "${userOf('doer')}" may not write ${names.failed('doer')}, `)
      .and.contain('; read ')
      .and.contain(names.queue('doer'))
      .and.contain(REMEDY);
  });

  it('warns of missing permissions of the user of another service', async () => {
    await grant(userOf('counter'), { configure: '.*', write: '.*', read: '^$' });
    const { items } = await check(userOf('doer'));
    expect(items).to.have.length(1);
    expect(items[0]).to.include({ ok: true, warning: true });
    expect(items[0]?.detail).to.contain(`user "${userOf('counter')}" may not read `);
  });

  it('names the types that a topic permission does not allow', async () => {
    const topic = { exchange: place.names.events, write: '^other$', read: '.*' };
    await request('PUT', `topic-permissions/%2F/${userOf('doer')}`, topic);
    const [item] = (await check(userOf('doer'))).items;
    expect(item?.detail).to.contain(`user "${userOf('doer')}" may not publish to ${place.names.events} job.finished.`);
  });

  it('requires the permissions of all services from a user that they share', async () => {
    const { names, prefix } = place;
    await grant(userOf('shared'), { configure: '.*', write: '.*', read: `^${prefix}(?!counter$)` });
    const [item] = (await check(userOf('shared'))).items;
    expect(item).to.have.property('ok', false);
    expect(item?.detail).to.contain(`user "${userOf('shared')}" may not read ${names.queue('counter')}. `);
    await grant(userOf('shared'), { configure: '.*', write: '.*', read: '' });
    expect((await check(userOf('shared'))).items[0]?.detail).to.match(/ may not read (\S+, ){2}\S+ and \d more\. /);
    await grant(userOf('shared'), { configure: '.*', write: '.*', read: '.*' });
    expect((await check(userOf('shared'))).items[0]?.detail).to.match(/^sufficient: those of .*shared, /);
  });

  it('states that it cannot check without the tag administrator', async () => {
    const { items } = await check(userOf('doer'), { AMQP_MANAGEMENT_URL: as(place.managementUrl, userOf('doer')) });
    expect(items).to.have.length(1);
    expect(items[0]).to.have.property('ok', true);
    expect(items[0]?.detail).to.match(/^not checked: .*only a user with the tag administrator may read permissions$/);
  });
});
