import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { environment } from '../../src/config/schema.js';
import { loadConfig, requireTokens } from '../../src/config/load-config.js';
import {
  readSandboxSettings,
  settingsProblems,
  variableOf,
  withDevelopmentSettings,
} from '../../src/config/worker-settings.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        image: z.string(),
        command: z.array(z.string()).optional(),
        environment: z.record(z.string(), z.string()).default({}),
        ports: z.array(z.string()).default([]),
        volumes: z.array(z.string()).default([]),
        deploy: z.object({ replicas: z.string() }).optional(),
        read_only: z.boolean().default(false),
        cap_drop: z.array(z.string()).default([]),
        security_opt: z.array(z.string()).default([]),
        user: z.string().optional(),
        networks: z.object({ default: z.object({ aliases: z.array(z.string()) }) }).optional(),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(text('docker-compose.yml'), { merge: true }));

const folders = readdirSync(new URL('../../workers', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
/** The processes of the fleet. */
const processes = Object.entries(compose.services).filter(([, { command }]) => command !== undefined);
const workerServices = Object.entries(compose.services).filter(([, { command }]) => command?.[0] === 'worker');

/** A short token. */
function secretOf(reference: string): string {
  return reference.includes('FLEET_KEY') ? 'f'.repeat(32) : '0123456789abcdef';
}

/** The environment of a service with only the required variables set. */
function startable(name: string): Record<string, string> {
  const service = compose.services[name];
  return Object.fromEntries(
    Object.entries(service?.environment ?? {}).map(([variable, value]) => [
      variable,
      value.replace(/\$\{[A-Z_]+(?::([-?])([^}]*))?\}/g, (text, operator: string, word: string) =>
        operator === '-' ? word : secretOf(text),
      ),
    ]),
  );
}

describe('the fleet in containers', () => {
  it('has the same workers as workers/ and config/fleet.ts', () => {
    expect(fleet.workers.map(({ name }) => name).sort()).to.deep.equal(folders);
    expect(workerServices.map(([name]) => name).sort()).to.deep.equal(folders);
  });

  it('runs each worker under its own name, with the replicas that its variable sets', () => {
    for (const [name, { command, deploy }] of workerServices) {
      expect(command, name).to.deep.equal(['worker', name]);
      expect(deploy?.replicas, name).to.equal(`\${${name.toUpperCase().replaceAll('-', '_')}_REPLICAS:-1}`);
    }
  });

  it('gives every store one volume, shared by the processes that share the store', () => {
    const store = Object.fromEntries(fleet.workers.map(workerDefinitionOf).map(({ name, store }) => [name, store]));
    for (const [name, { volumes }] of workerServices) expect(volumes, name).to.deep.equal([`${store[name]}:/data`]);
    expect(compose.services.api?.volumes).to.deep.equal([`${fleet.api?.store}:/data`]);
    const mounted = Object.values(compose.services)
      .flatMap(({ volumes }) => volumes.map((text) => text.split(':')[0]))
      .filter((source) => source?.startsWith('.') === false);
    expect(Object.keys(compose.volumes).sort()).to.deep.equal([...new Set(mounted)].sort());
  });

  it('sets only existing variables, and all settings that the API and each worker require', () => {
    const schemas = [
      fleet.api?.settings,
      fleet.sandbox?.settings,
      ...fleet.workers.map((worker) => workerDefinitionOf(worker).settings),
    ];
    const settings = schemas.flatMap((schema) => Object.keys(schema?.shape ?? {}).map(variableOf));
    const known = new Set([...Object.keys(environment.shape), ...settings]);
    expect(processes).to.have.length(folders.length + 3);
    for (const [name, service] of processes)
      expect([...known], name).to.include.members(Object.keys(service.environment));
    const ofApi = Object.keys(fleet.api?.settings.shape ?? {}).map(variableOf);
    expect(Object.keys(compose.services.api?.environment ?? {})).to.include.members(ofApi);
    for (const definition of fleet.workers.map(workerDefinitionOf)) {
      const { name } = definition;
      const set = startable(name);
      const given = withDevelopmentSettings(fleet, set);
      expect(settingsProblems(name, definition.settings, given), name).to.deep.equal([]);
    }
  });

  it('starts every process with exactly the tokens of its servers', () => {
    for (const [name, { command }] of processes) {
      const kind = command?.[0];
      const server = kind === 'api' ? 'api' : 'health';
      if (kind !== 'sandbox') expect(() => requireTokens(loadConfig(startable(name)), [server]), name).not.to.throw();
      const tokens = Object.keys(startable(name)).filter((variable) => variable.endsWith('_TOKEN'));
      const own = kind === 'api' ? ['API_TOKEN'] : [];
      const sandbox = kind === 'sandbox' || ['payment', 'shipping', 'email'].includes(name) ? ['SANDBOX_TOKEN'] : [];
      const metrics = kind === 'sandbox' ? [] : ['METRICS_TOKEN'];
      expect(tokens.sort(), name).to.deep.equal([...own, ...metrics, ...sandbox].sort());
    }
    if (fleet.sandbox === undefined) throw new Error('the fleet has no sandbox');
    expect(readSandboxSettings(fleet.sandbox, startable('sandbox')).token).to.equal('0123456789abcdef');
    const settings = startable('email');
    expect(withDevelopmentSettings(fleet, settings)).to.include({
      SMTP_URL: 'smtp://sandbox:3025',
      GATEWAY_URL: 'http://sandbox:0123456789abcdef@sandbox:3001',
    });
  });

  it('makes every process, its health and metrics reachable on its network, and scrapes all of them', () => {
    const scraped = z
      .object({
        scrape_configs: z.array(
          z.object({
            job_name: z.string(),
            dns_sd_configs: z.array(z.object({ names: z.array(z.string()), port: z.int() })).default([]),
          }),
        ),
      })
      .parse(parse(text('deploy/prometheus.yml')));
    const targets = scraped.scrape_configs.flatMap(({ dns_sd_configs: all }) =>
      all.flatMap(({ names, port }) => names.map((name) => [name, port] as const)),
    );
    const healthPort = Number(/HEALTH_PORT=(\d+)/.exec(text('Dockerfile'))?.[1]);
    const expected = processes.flatMap(([name, { command }]) => {
      const kind = command?.[0];
      const { host, healthHost, port } = loadConfig(startable(name));
      expect(kind === 'api' || kind === 'sandbox' ? host : healthHost, name).to.equal('0.0.0.0');
      return kind === 'sandbox' ? [] : [[name, kind === 'api' ? port : healthPort] as const];
    });
    const reached = expected.filter(([name, port]) => {
      const aliases = compose.services[name]?.networks?.default.aliases ?? [];
      return targets.some(([target, at]) => at === port && (target === name || aliases.includes(target)));
    });
    expect(reached).to.deep.equal(expected);
  });

  it('runs every process unprivileged, on a file system that is read-only except for its volume', () => {
    for (const [name, { cap_drop: dropped, security_opt: options }] of Object.entries(compose.services)) {
      expect(dropped, name).to.deep.equal(['ALL']);
      expect(options, name).to.deep.equal(['no-new-privileges:true']);
    }
    for (const [name, { read_only: isReadOnly }] of processes) expect(isReadOnly, name).to.equal(true);
    const [, stage = ''] = text('Dockerfile').split(/^FROM .*-slim$/m);
    expect(stage).to.match(/^USER node$/m);
    expect(compose.services.rabbitmq?.user).to.equal('rabbitmq');
  });

  it('builds a labeled image without build-only files', () => {
    const dockerfile = text('Dockerfile');
    for (const label of ['title', 'description', 'licenses', 'version', 'revision']) {
      expect(dockerfile).to.contain(`org.opencontainers.image.${label}=`);
    }
    const removed = /rm -rf (.*) \\$/m.exec(dockerfile)?.[1]?.split(' ') ?? [];
    expect(removed.length).to.be.above(0);
    const inRoot = (path: string) => existsSync(new URL(`../../${path}`, import.meta.url));
    for (const path of removed) expect(inRoot(path), `${path} moved: see what else is left over`).to.equal(true);
    expect(inRoot(`node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`)).to.equal(true);
  });

  it('nests no variable in the default of another, which older releases of Compose cannot parse', () => {
    expect(text('docker-compose.yml')).not.to.match(/\$\{[^}]*\$\{/);
  });

  it('lists every required secret in .env.example', () => {
    const required = [...text('docker-compose.yml').matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name = '']) => name);
    const named = text('.env.example').match(/^[A-Z_]+(?==)/gm);
    expect(named).to.include.members(required);
  });

  it('publishes ports on loopback only', () => {
    for (const [name, { ports }] of Object.entries(compose.services)) {
      for (const port of ports) expect(port, name).to.match(/^127\.0\.0\.1:/);
    }
  });

  it('contains no credentials', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const [variable, value] of Object.entries(service.environment)) {
        if (/PASS|TOKEN|SECRET|KEY/.test(variable)) expect(value, `${name} ${variable}`).to.match(/^\$\{[A-Z_]+:\?/);
        expect(value, `${name} ${variable}`).not.to.match(/:\/\/[^$@/]+:[^$@/]+@/);
      }
    }
  });
});
