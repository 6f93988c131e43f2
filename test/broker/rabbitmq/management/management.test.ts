import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createManagement } from '../../../../src/broker/rabbitmq/management/management.js';
import { codeOf } from '../../../contract/broker.js';

describe('a request to the management API', () => {
  let server: Server;
  let requests = 0;
  let failures = 0;

  beforeEach(async () => {
    requests = 0;
    server = createServer((_request, response) => {
      requests += 1;
      response.setHeader('Content-Type', 'application/json');
      if (requests <= failures) response.writeHead(500).end();
      else response.end('[]');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const management = () =>
    createManagement({ url: `http://guest:guest@127.0.0.1:${(server.address() as AddressInfo).port}` });

  it('is retried after a server error, as RabbitMQ returns while a queue is being declared', async () => {
    failures = 2;
    expect(await management().queues()).to.deep.equal([]);
    expect(requests).to.equal(3);
  });

  it('is not repeated after a server error if it deletes', async () => {
    failures = 1;
    expect(await codeOf(management().deleteQueue('jobs'))).to.equal('broker.management');
    expect(requests).to.equal(1);
  });

  it('gives rates of 0 to queues without statistics, unless the broker collects none', async () => {
    const stats = { publish_details: { rate: 2.5 }, ack_details: { rate: 1 } };
    const quiet = { name: 'quiet', durable: true, arguments: {} };
    let queues: object[] = [{ ...quiet, name: 'busy', message_stats: stats }, quiet];
    server.removeAllListeners('request');
    server.on('request', (_request, response) => response.end(JSON.stringify(queues)));
    const rates = async () => (await management().queues()).map((queue) => queue.rates);
    expect(await rates()).to.deep.equal([
      { in: 2.5, out: 1 },
      { in: 0, out: 0 },
    ]);
    queues = [quiet];
    expect(await rates()).to.deep.equal([undefined]);
  });

  it('fails with broker.management after four server errors', async () => {
    failures = Infinity;
    expect(await codeOf(management().queues())).to.equal('broker.management');
    expect(requests).to.equal(4);
  });

  describe('for the queues of a prefix', () => {
    const queue = (name: string) => ({ name, durable: true, arguments: {} });
    const answerWith = (pages: number, items: object[]) => {
      server.removeAllListeners('request');
      server.on('request', ({ url = '' }, response) => {
        const { searchParams } = new URL(url, 'http://localhost');
        asked.push(searchParams.get('name') ?? 'all');
        response.setHeader('Content-Type', 'application/json');
        response.end(
          JSON.stringify(searchParams.has('page') ? { page_count: pages, items } : [queue('a.b'), ...items]),
        );
      });
    };
    let asked: string[];
    beforeEach(() => (asked = []));

    it('reads only these', async () => {
      answerWith(1, [queue('a.c'), queue('A.d')]);
      expect((await management().queues('a.')).map(({ name }) => name)).to.deep.equal(['a.c']);
      expect(asked).to.deep.equal([String.raw`^a\.`]);
    });

    it('reads all at once if they do not fit on a page', async () => {
      answerWith(2, [queue('a.c')]);
      expect((await management().queues('a.')).map(({ name }) => name)).to.deep.equal(['a.b', 'a.c']);
      expect(asked).to.deep.equal([String.raw`^a\.`, 'all']);
    });
  });
});
