import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { hasDocker, startDockerBroker } from '../../../src/supervisor/broker/docker-broker.js';

describe('a broker in Docker', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'flotilla-docker-'))));
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** A fake `docker` that records its calls and responds as if the containers `existing` existed. */
  const fakeDocker = async (existing: string, working = true) => {
    const bin = join(directory, 'bin');
    await mkdir(bin, { recursive: true });
    const script = `#!/bin/sh
echo "$*" >> "${directory}/calls"
${working ? '' : 'exit 1'}
case "$1" in
  ps) echo "${existing}" ;;
  port) case "$3" in 5672/tcp) echo "127.0.0.1:40001" ;; *) echo "127.0.0.1:40002" ;; esac ;;
esac
`;
    await writeFile(join(bin, 'docker'), script);
    await chmod(join(bin, 'docker'), 0o755);
    return { PATH: `${bin}:/usr/bin:/bin` };
  };
  const calls = () => readFile(join(directory, 'calls'), 'utf8');

  it('runs on loopback ports only, and is stopped at the end', async () => {
    const broker = await startDockerBroker(directory, await fakeDocker(''));
    expect(broker.amqpUrl).to.equal('amqp://guest:guest@127.0.0.1:40001');
    expect(broker.managementUrl).to.equal('http://guest:guest@127.0.0.1:40002');
    await broker.stop();
    expect(await calls()).to.match(/^run --detach .*--publish 127\.0\.0\.1::5672 .*rabbitmq:4\.2-management$/m);
    expect(await calls()).to.match(/^stop flotilla-[0-9a-f]{12}$/m);
  });

  it('is restarted with its data if the container exists', async () => {
    await startDockerBroker(directory, await fakeDocker('0123456789ab'));
    expect(await calls())
      .to.match(/^start flotilla-/m)
      .and.not.match(/^run /m);
  });

  it('reports a failure of Docker', async () => {
    const env = await fakeDocker('', false);
    expect(await hasDocker(env)).to.equal(false);
    const error: unknown = await startDockerBroker(directory, env).catch((failure: unknown) => failure);
    expect(error).to.have.property('code', 'broker.unreachable');
  });

  it('is not used without Docker', async () => {
    expect(await hasDocker({ PATH: directory })).to.equal(false);
  });
});
