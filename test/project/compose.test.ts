import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { environment } from '../../config/schema.js';
import { variableOf } from '../../config/worker-settings.js';

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
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8'), { merge: true }));

const folders = readdirSync(new URL('../../workers', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const workerServices = Object.entries(compose.services).filter(([, { command }]) => command?.[0] === 'worker');

describe('the fleet in containers', () => {
  it('has the same workers as workers/ and config/fleet.ts', () => {
    expect(fleet.workers.map(({ name }) => name).sort()).to.deep.equal(folders);
    expect(workerServices.map(([name]) => name).sort()).to.deep.equal(folders);
  });

  it('runs each worker under its own name, as often as its variable says', () => {
    for (const [name, { command, deploy }] of workerServices) {
      expect(command, name).to.deep.equal(['worker', name]);
      expect(deploy?.replicas, name).to.equal(`\${${name.toUpperCase().replaceAll('-', '_')}_REPLICAS:-1}`);
    }
  });

  it('gives every store one volume, shared by those that share the store', () => {
    const store = Object.fromEntries(fleet.workers.map(({ name, definition }) => [name, definition.store]));
    for (const [name, { volumes }] of workerServices) expect(volumes, name).to.deep.equal([`${store[name]}:/data`]);
    expect(compose.services.api?.volumes).to.deep.equal([`${fleet.api?.store}:/data`]);
    const mounted = Object.values(compose.services).flatMap(({ volumes }) => volumes.map((text) => text.split(':')[0]));
    expect(Object.keys(compose.volumes).sort()).to.deep.equal([...new Set(mounted)].sort());
  });

  it('sets only variables that there are, and every setting of the API and of a worker that needs it', () => {
    const schemas = [fleet.api?.settings, ...fleet.workers.map(({ definition }) => definition.settings)];
    const settings = schemas.flatMap((schema) => Object.keys(schema?.shape ?? {}).map(variableOf));
    const known = new Set([...Object.keys(environment.shape), ...settings]);
    const ours = Object.entries(compose.services).filter(([, { command }]) => command !== undefined);
    expect(ours).to.have.length(folders.length + 3);
    for (const [name, service] of ours) expect([...known], name).to.include.members(Object.keys(service.environment));
    const ofApi = Object.keys(fleet.api?.settings.shape ?? {}).map(variableOf);
    expect(Object.keys(compose.services.api?.environment ?? {})).to.include.members(ofApi);
    for (const { name, definition } of fleet.workers) {
      const needed = Object.entries(definition.settings.shape)
        .filter(([, type]) => !z.safeParse(type, undefined).success)
        .map(([key]) => variableOf(key));
      expect(Object.keys(compose.services[name]?.environment ?? {}), name).to.include.members(needed);
    }
  });

  it('publishes nothing beyond loopback', () => {
    for (const [name, { ports }] of Object.entries(compose.services)) {
      for (const port of ports) expect(port, name).to.match(/^127\.0\.0\.1:/);
    }
  });

  it('holds no credentials', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const [variable, value] of Object.entries(service.environment)) {
        if (/PASS|TOKEN|SECRET|KEY/.test(variable)) expect(value, `${name} ${variable}`).to.match(/^\$\{[A-Z_]+:\?/);
        expect(value, `${name} ${variable}`).not.to.match(/:\/\/[^$@/]+:[^$@/]+@/);
      }
    }
  });
});
