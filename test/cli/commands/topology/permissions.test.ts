import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'amqplib';
import { expect } from 'chai';
import { z } from 'zod';
import { namesFor, type Names } from '../../../../src/broker/topology/topology.js';
import * as api from '../../../../src/cli/commands/api.js';
import * as dead from '../../../../src/cli/commands/dead/index.js';
import * as keeper from '../../../../src/cli/commands/keeper.js';
import * as topology from '../../../../src/cli/commands/topology/index.js';
import * as unrouted from '../../../../src/cli/commands/unrouted.js';
import * as worker from '../../../../src/cli/commands/worker.js';
import { createEvent, originContext } from '../../../../src/events/create.js';
import { baseCatalogue, catalogue, command, defineFleet, event, PermanentError } from '../../../../src/index.js';
import { defineRoute } from '../../../../src/http.js';
import { readProcesses } from '../../../../src/observability/processes/process-registry.js';
import { runCommand, type CommandResult } from '../../../support/command.js';
import { manage } from '../../../support/management.js';
import { cleanUp, testBroker } from '../../../support/rabbitmq.js';
import { eventually } from '../../../support/eventually.js';

const types = catalogue(baseCatalogue, {
  'job.ask': command({ 1: z.strictObject({ n: z.int() }) }),
  'job.done': event({ 1: z.strictObject({ n: z.int() }) }),
});
const handled: { n: number; attempt: number }[] = [];
const counted: number[] = [];
/** Jobs that the handler refuses. */
const refused = new Set<number>();
const fleet = defineFleet({
  catalogue: types,
  api: {
    store: 'shop',
    emits: ['job.ask'],
    routes: [
      defineRoute({
        method: 'post',
        path: '/jobs/:n',
        summary: 'Ask for a job',
        params: z.object({ n: z.string().transform(Number) }),
        responses: { 202: z.object({}) },
        handler: ({ params: { n }, origin, commit }) =>
          commit(async (tx) => {
            await tx.append(`job/${n}`, 'any', [createEvent(types.definitions, 'job.ask', { n }, origin(`job/${n}`))]);
            return { status: 202, body: {} };
          }),
      }),
    ],
  },
  workers: [
    types.defineWorker({
      name: 'doer',
      emits: ['job.done'],
      retry: { delays: ['50ms'] },
      on: {
        'job.ask': ({ data: { n } }, ctx) => {
          handled.push({ n, attempt: ctx.attempt });
          if (refused.has(n)) throw new PermanentError('job.refused', 'bad luck');
          if (ctx.attempt === 1) throw new Error('not yet');
          ctx.emit('job.done', { n });
        },
      },
    }),
    types.defineWorker({ name: 'counter', on: { 'job.done': ({ data: { n } }) => void counted.push(n) } }),
  ],
});

describe('services with separate AMQP users', function () {
  this.timeout(180_000);
  const password = 'a-password-of-a-test';
  let folder: string;
  let prefix: string;
  let names: Names;
  let amqpUrl: string;
  let managementUrl: string;
  const users: string[] = [];
  const running: { stop: AbortController; done: Promise<CommandResult> }[] = [];

  const urlOf = (user: string) => {
    const url = new URL(amqpUrl);
    Object.assign(url, { username: user, password });
    return url.href;
  };
  const run = (user: string, args: string[], options: { stop?: AbortSignal; env?: NodeJS.ProcessEnv } = {}) => {
    const { username, password: own } = new URL(urlOf(`${prefix}${user}`));
    const management = Object.assign(new URL(managementUrl), { username, password: own });
    const env = {
      AMQP_URL: urlOf(`${prefix}${user}`),
      AMQP_MANAGEMENT_URL: management.href,
      AMQP_USER_ID: 'verify',
      FLOTILLA_PREFIX: prefix,
      DATA_DIR: join(folder, 'data'),
      HEALTH_PORT: '0',
      PORT: '0',
      LOG_LEVEL: 'error',
      ...options.env,
    };
    const modules = [api, topology, dead, unrouted, keeper, worker];
    return runCommand({ modules, fleet, env, cwd: folder, ...(options.stop && { stop: options.stop }) }, args);
  };
  const stopAll = async () => {
    for (const { stop } of running) stop.abort();
    await Promise.all(running.splice(0).map(({ done }) => done));
  };
  /** Publishes two jobs, one of which is dead-lettered and replayed, with the user of each service. */
  const workAs = async (
    userOf: (service: string) => string,
    { good, bad }: { good: number; bad: number },
    env: NodeJS.ProcessEnv = {},
  ) => {
    refused.add(bad);
    const commands = [
      ['shop', 'api'],
      ['doer', 'worker', 'doer'],
      ['counter', 'worker', 'counter'],
      ['ops', 'keeper'],
    ] as const;
    for (const [service, ...args] of commands) {
      const stop = new AbortController();
      running.push({ stop, done: run(userOf(service), args, { stop: stop.signal, env }) });
    }
    const ended = running.map(({ done }) =>
      done.then(({ said }) => Promise.reject(new Error(`it has ended: ${said}`))),
    );
    const started = eventually('the processes', async () => {
      const processes = await readProcesses(join(folder, 'data', 'run'));
      return processes.length === commands.length && processes.find(({ role }) => role === 'api')?.url;
    });
    for (const each of ended) each.catch(() => undefined);
    const url = await Promise.race([started, ...ended]);
    for (const n of [good, bad]) {
      const response = await fetch(`${url}/jobs/${n}`, { method: 'POST' });
      expect(response.status).to.equal(202);
    }
    await eventually('the first job', () => counted.includes(good));
    expect(handled.filter(({ n }) => n === good)).to.deep.equal([
      { n: good, attempt: 1 },
      { n: good, attempt: 2 },
    ]);
    await deadLetterWith('job.refused');
    refused.delete(bad);
    const replayed = await run(userOf('operator'), ['dead', 'replay', '--code', 'job.refused'], { env });
    expect(replayed, replayed.said).to.have.property('code', 0);
    await eventually('the replayed job', () => counted.includes(bad));
  };
  const addUser = async (user: string, tags = '') => {
    users.push(user);
    await manage(managementUrl, 'PUT', `users/${user}`, { password, tags });
  };

  before(async () => {
    ({ prefix, amqpUrl, managementUrl } = await testBroker());
    names = namesFor(prefix);
    folder = await mkdtemp(join(tmpdir(), 'flotilla-permissions-'));
    for (const service of ['shop', 'doer', 'counter', 'ops']) await addUser(`${prefix}${service}`);
    await addUser(`${prefix}operator`, 'monitoring');
    const { out } = await run('operator', ['topology', 'permissions', '--json']);
    await manage(managementUrl, 'POST', 'definitions', JSON.parse(out) as object);
  });
  after(async () => {
    await stopAll();
    await cleanUp(prefix);
    for (const user of users) await manage(managementUrl, 'DELETE', `users/${user}`);
    await rm(folder, { recursive: true, force: true });
  });

  /** The reply code with which the broker closes the channel; undefined if it confirms. */
  const codeOf = async (user: string, exchange: string, routingKey: string, body: Buffer, userId?: string) => {
    const connection = await connect(urlOf(user));
    connection.on('error', () => undefined);
    try {
      const channel = await connection.createConfirmChannel();
      return await new Promise<number | undefined>((resolve) => {
        channel.on('error', (error: Error & { code: number }) => resolve(error.code));
        const options = { contentType: 'application/cloudevents+json', messageId: 'forged', ...(userId && { userId }) };
        channel.publish(exchange, routingKey, body, options, (error) => {
          if (error === null) resolve(undefined);
        });
      });
    } finally {
      await connection.close();
    }
  };
  const forged = (source: string, n: number) => {
    const context = originContext({ source, subject: `job/${n}` });
    return Buffer.from(JSON.stringify(createEvent(types.definitions, 'job.ask', { n }, context)));
  };
  const letters = async () => {
    const { out } = await run('operator', ['dead', 'list', '--json']);
    return (JSON.parse(out) as { items: { id: string; code: string }[] }).items;
  };
  const deadLetterWith = (code: string) =>
    eventually(`a dead letter with ${code}`, async () => (await letters()).find((letter) => letter.code === code), {
      limit: 15_000,
    });

  it('do not start before an operator has applied the topology, and report missing parts', async () => {
    const { code, said } = await run('doer', ['worker', 'doer']);
    expect(code).to.equal(1);
    expect(said)
      .to.contain('broker.not_permitted')
      .and.contain('Let an operator apply the topology')
      .and.contain('403');
    const applied = await run('operator', ['topology', 'apply']);
    expect(applied, applied.said).to.have.property('code', 0);
  });

  it('publish, consume, retry, dead-letter and replay with the printed permissions', async () => {
    await workAs((service) => service, { good: 1, bad: 13 });
  });

  it('are refused by the broker when they publish outside their permissions', async () => {
    const doer = `${prefix}doer`;
    const counter = `${prefix}counter`;
    expect(await codeOf(counter, names.events, 'job.ask', forged('shop', 2)), 'a command').to.equal(403);
    expect(await codeOf(doer, names.events, 'job.ask', forged('doer', 2)), 'a type of another service').to.equal(403);
    expect(await codeOf(counter, '', names.queue('doer'), forged('shop', 2)), 'to a queue').to.equal(403);
    expect(await codeOf(counter, names.work, 'job.ask', forged('shop', 2)), 'past the log').to.equal(403);
    expect(await codeOf(counter, names.failed('doer'), 'dead', forged('shop', 2)), 'a dead letter').to.equal(403);
    expect(await codeOf(doer, names.events, 'job.done', forged('doer', 2), `${prefix}shop`), 'a user-id').to.equal(406);
    const connection = await connect(urlOf(counter));
    connection.on('error', () => undefined);
    const refusal = async (
      ask: (channel: Awaited<ReturnType<typeof connection.createChannel>>) => Promise<unknown>,
    ) => {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined);
      return ask(channel).then(
        () => undefined,
        (error: unknown) => (error as { code: number }).code,
      );
    };
    expect(await refusal((channel) => channel.consume(names.queue('doer'), () => undefined))).to.equal(403);
    expect(await refusal((channel) => channel.bindQueue(names.queue('counter'), names.work, '#'))).to.equal(403);
    expect(await refusal((channel) => channel.deleteQueue(names.queue('counter')))).to.equal(403);
    await connection.close();
  });

  it('dead-letter messages with a source that the AMQP user may not use, and refuse their replay', async () => {
    const outsider = `${prefix}outsider`;
    await addUser(outsider);
    const all = { configure: '.*', write: '.*', read: '.*' };
    await manage(managementUrl, 'PUT', `permissions/%2F/${outsider}`, all);
    for (const [n, userId] of [
      [3, undefined],
      [6, outsider],
    ] as const) {
      expect(await codeOf(outsider, names.events, 'job.ask', forged('shop', n), userId)).to.equal(undefined);
      const { id } = await deadLetterWith('contract.unverified_source');
      const replayed = await run('operator', ['dead', 'replay', id]);
      expect(replayed.code).to.equal(1);
      expect(replayed.out + replayed.said).to.contain('may not publish events of its source');
      const discarded = await run('operator', ['dead', 'discard', id, '--reason', 'forged']);
      expect(discarded, discarded.said).to.have.property('code', 0);
    }
    expect(handled.some(({ n }) => n === 3 || n === 6)).to.equal(false);

    // with --force, the operator vouches for the message
    await codeOf(outsider, names.events, 'job.ask', forged('shop', 4), outsider);
    const { id } = await deadLetterWith('contract.unverified_source');
    await run('operator', ['dead', 'replay', id, '--force']);
    await eventually('the job that is vouched for', () => counted.includes(4));
  });

  it('still refuse unrouted messages that an operator has forwarded', async () => {
    const outsider = `${prefix}outsider`;
    const body = forged('shop', 5);
    await codeOf(outsider, names.unrouted, 'job.ask', body, outsider);
    await eventually('the unrouted message', async () => {
      const { out } = await run('operator', ['unrouted', 'list', '--json']);
      return (JSON.parse(out) as { items: { type: string }[] }).items.some(({ type }) => type === 'job.ask');
    });
    const sent = await run('operator', ['unrouted', 'replay', '--type', 'job.ask']);
    expect(sent, sent.said).to.have.property('code', 0);
    await deadLetterWith('contract.unverified_source');
    expect(handled.some(({ n }) => n === 5)).to.equal(false);
  });

  it('have their permissions printed one by one, without password and tags', async () => {
    const script = (await run('operator', ['topology', 'permissions', '--script'])).out.split('\n');
    for (const service of ['shop', 'operator']) {
      const { out, said } = await run('operator', ['topology', 'permissions', '--user', `${prefix}${service}`]);
      const pattern = new RegExp(`^rabbitmqctl set_(topic_)?permissions .*'${prefix}${service}'`);
      expect(out.trimEnd().split('\n')).to.have.length(2);
      expect(out.trimEnd().split('\n')).to.deep.equal(script.filter((line) => pattern.test(line)));
      expect(said).not.to.contain('No service connects as');
    }
    for (const name of ['', ' a', '-a', 'a\nb', 'a'.repeat(256)]) {
      const { code, said } = await run('operator', ['topology', 'permissions', '--user', name]);
      expect(code, name).to.equal(2);
      expect(said).to.contain('is not a valid name');
    }
  });

  it('may share a user by AMQP_USERS, which needs the permissions of these services alone', async () => {
    const env = { AMQP_USERS: 'doer=both,counter=both' };
    const { out } = await run('operator', ['topology', 'permissions', '--user', 'both', '--json'], { env });
    const { permissions, topic_permissions: topics } = JSON.parse(out) as {
      permissions: { user: string; configure: string; write: string; read: string }[];
      topic_permissions: { exchange: string; write: string }[];
    };
    const [granted] = permissions;
    expect(permissions).to.have.length(1);
    expect(granted?.user).to.equal('both');
    for (const worker of ['doer', 'counter']) {
      expect(names.failed(worker)).to.match(new RegExp(granted?.write ?? ''));
      expect(names.queue(worker)).to.match(new RegExp(granted?.read ?? ''));
      expect(names.newer(worker)).to.match(new RegExp(granted?.read ?? ''));
    }
    expect(names.dead('doer')).not.to.match(new RegExp(granted?.read ?? ''));
    expect(topics.map(({ exchange }) => exchange)).to.deep.equal([names.events]);
    expect('job.done').to.match(new RegExp(topics[0]?.write ?? ''));
    expect('job.ask').not.to.match(new RegExp(topics[0]?.write ?? ''));
  });

  it('may all share one user with the command line, which works with the commands that are printed for it', async () => {
    const shared = `${prefix}shared`;
    const permit = (path: string, body: object) => manage(managementUrl, 'PUT', `${path}/%2F/${shared}`, body);
    await stopAll();
    await addUser(shared, 'monitoring');
    await permit('permissions', { configure: '', write: '', read: '' });
    await permit('topic-permissions', { exchange: names.events, write: '^none$', read: '^none$' });
    expect(await codeOf(shared, names.events, 'job.ask', forged('shop', 7))).to.equal(403);
    const { out, said } = await run('operator', ['topology', 'permissions', '--user', shared]);
    expect(said).to.contain(`No service connects as ${shared}`);
    for (const line of out.trimEnd().split('\n')) {
      const [, command] = /^rabbitmqctl (\w+) -p /.exec(line) ?? [];
      const [vhost, user, ...rest] = [...line.matchAll(/'([^']*)'/g)].map(([, text]) => text);
      expect([vhost, user]).to.deep.equal(['/', shared]);
      const fields = command === 'set_permissions' ? ['configure', 'write', 'read'] : ['exchange', 'write', 'read'];
      const body = Object.fromEntries(fields.map((field, at) => [field, rest[at]]));
      await permit(command === 'set_permissions' ? 'permissions' : 'topic-permissions', body);
    }
    await workAs(() => 'shared', { good: 21, bad: 22 }, { AMQP_USER_ID: 'off' });
  });
});
