import { exec } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { errors } from '../../src/errors.js';
import { describeListener, listenerCommand } from '../../src/net/listener-of.js';
import { describeTakenPort } from '../../src/net/port-taken.js';

describe('the program that listens on a port', () => {
  let port: number;
  const server = createServer();
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  after(() => void server.close());

  it('is named by the command that every message about a taken port contains', async function () {
    const command = listenerCommand(port);
    expect(describeTakenPort('127.0.0.1', port)).to.contain(command);
    expect(errors['broker.not_amqp'].remedy).to.contain(`\`${listenerCommand(5672)}\``);
    const { PATH } = process.env;
    process.env.PATH = '';
    const described = await describeListener(port).finally(() => (process.env.PATH = PATH));
    expect(described).to.equal(`another program (find it with: ${command})`);
    if (!existsSync('/usr/bin/lsof')) this.skip();
    const { stdout } = await promisify(exec)(command);
    expect(stdout).to.match(new RegExp(`^\\S+ +${process.pid} .*127\\.0\\.0\\.1:${port} \\(LISTEN\\)$`, 'm'));
  });

  it('is described with its pid', async function () {
    if (!existsSync('/usr/bin/ss')) this.skip();
    expect(await describeListener(port)).to.contain(`(pid ${process.pid})`);
  });
});
