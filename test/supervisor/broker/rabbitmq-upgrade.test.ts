import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { upgradeSteps } from '../../../src/supervisor/broker/rabbitmq-node/upgrade.js';
import { dataVersion, recordDataVersion } from '../../../src/supervisor/broker/rabbitmq-node/version.js';

describe('upgrades of RabbitMQ', () => {
  it('are direct where RabbitMQ supports it', () => {
    for (const [written, installed] of [
      ['3.10.8', '3.10.25'],
      ['3.10.25', '3.10.8'],
      ['3.10.8', '3.11.28'],
      ['3.13.7', '4.0.5'],
      ['3.13.7', '4.2.1'],
      ['4.0.5', '4.2.1'],
      ['4.2.1', '4.3.6'],
      ['4.3.6', '4.4.0'],
      ['4.9.0', '5.0.0'],
    ] as const) {
      expect(upgradeSteps(written, installed), `${written} to ${installed}`).to.deep.equal([]);
    }
  });

  it('name as few intermediate releases as possible', () => {
    expect(upgradeSteps('3.10.8', '4.3.6')).to.deep.equal(['3.11', '3.12', '3.13', '4.2', '4.3']);
    expect(upgradeSteps('4.0.5', '4.3.6')).to.deep.equal(['4.2', '4.3']);
    expect(upgradeSteps('3.12.1', '4.0.1')).to.deep.equal(['3.13', '4.0']);
    expect(upgradeSteps('3.9.1', '3.11.0')).to.deep.equal(['3.10', '3.11']);
  });

  it('have no path to an older release', () => {
    expect(upgradeSteps('4.3.6', '3.10.8')).to.equal(undefined);
    expect(upgradeSteps('4.2.0', '4.1.0')).to.equal(undefined);
  });
});

describe('the version of a broker’s data', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'flotilla-version-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const log = (...lines: string[]) => writeFile(join(folder, 'log', 'rabbit.log'), lines.join('\n'));

  it('is unknown without data', async () => {
    expect(await dataVersion(folder)).to.equal(undefined);
    await recordDataVersion(folder, '3.10.8');
    expect(await dataVersion(folder)).to.equal(undefined);
  });

  it('is the recorded one, otherwise that of the last complete start', async () => {
    for (const name of ['mnesia', 'mnesia/flotilla@localhost', 'log']) await mkdir(join(folder, name));
    expect(await dataVersion(folder)).to.equal(undefined);
    const complete = '2026-01-01 [info] <0.1.0> Server startup complete; 4 plugins started.';
    const start = (version: string) => `2026-01-01 [info] <0.1.0>  Starting RabbitMQ ${version} on Erlang 25.2.3 [jit]`;
    await log(start('3.9.1'), complete, start('3.10.8'), complete, start('4.3.6'), 'BOOT FAILED');
    expect(await dataVersion(folder)).to.equal('3.10.8');
    await recordDataVersion(folder, '4.2.1');
    expect(await dataVersion(folder)).to.equal('4.2.1');
  });
});
