import { expect } from 'chai';
import { openConnection } from '../../../../src/broker/rabbitmq/connection/connection.js';
import { scratchChannels } from '../../../../src/broker/rabbitmq/connection/scratch-channel.js';
import { REQUEST_TIMEOUT_MS } from '../../../../src/broker/rabbitmq/limits.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { cleanUp, testBroker } from '../../../support/rabbitmq.js';
import { tcpProxy } from '../../../support/tcp-proxy.js';

describe('a channel for one request', function () {
  this.timeout(120_000);

  it('does not delay its caller if the connection is lost while it closes', async () => {
    const { amqpUrl, prefix } = await testBroker();
    const proxy = await tcpProxy(amqpUrl);
    const connection = openConnection({
      urls: [proxy.through(amqpUrl)],
      name: 'test',
      heartbeat: 10,
      logger: silentLogger(),
    });
    try {
      await connection.state.until(['ready'], AbortSignal.timeout(REQUEST_TIMEOUT_MS));
      let endedAt = Number.NaN;
      const answer = await scratchChannels(connection, silentLogger())('testing', REQUEST_TIMEOUT_MS, async () => {
        proxy.freeze();
        // the request has succeeded, and its channel is closing
        setImmediate(() => {
          endedAt = performance.now();
          proxy.cut();
          proxy.thaw();
        });
        return Promise.resolve('answered');
      });
      expect(answer).to.equal('answered');
      expect(performance.now() - endedAt).to.be.below(REQUEST_TIMEOUT_MS / 2);
    } finally {
      await connection.close();
      await proxy.close();
      await cleanUp(prefix);
    }
  });

  it('serves the next reusable request, but not after a refusal or an open request', async () => {
    const { amqpUrl, prefix } = await testBroker();
    const connection = openConnection({ urls: [amqpUrl], name: 'test', heartbeat: 10, logger: silentLogger() });
    let opened = 0;
    const counted = {
      ...connection,
      openConfirmChannel: () => {
        opened += 1;
        return connection.openConfirmChannel();
      },
    };
    const onChannel = scratchChannels(counted, silentLogger());
    const look = (queue: string, reusable = true) =>
      onChannel('looking', REQUEST_TIMEOUT_MS, (channel) => channel.checkQueue(queue), { reusable }).then(
        ({ queue: name }) => name,
        () => undefined,
      );
    try {
      await connection.state.until(['ready'], AbortSignal.timeout(REQUEST_TIMEOUT_MS));
      const queue = `${prefix}q`;
      await onChannel('declaring', REQUEST_TIMEOUT_MS, (channel) => channel.assertQueue(queue));
      opened = 0;
      for (let turn = 0; turn < 5; turn += 1) expect(await look(queue)).to.equal(queue);
      expect(opened).to.equal(1);
      // a refusal closes the channel
      expect(await look(`${prefix}missing`)).to.equal(undefined);
      expect(await look(queue)).to.equal(queue);
      expect(opened).to.equal(2);
      // each has a channel of its own
      expect(await Promise.all([look(queue), look(queue)])).to.deep.equal([queue, queue]);
      expect(opened).to.equal(3);
      expect(await look(queue, false)).to.equal(queue);
      expect(opened).to.equal(4);
    } finally {
      await connection.close();
      await cleanUp(prefix);
    }
  });
});
