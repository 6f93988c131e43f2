import { expect } from 'chai';
import { restartBrokerOnExit } from '../../../src/supervisor/broker/restart-broker.js';
import { FlotillaError } from '../../../src/errors.js';
import { eventually } from '../../support/eventually.js';
import { recordingLogger } from '../../support/recording-logger.js';

/** No system has this process: it is above the largest pid of Linux. */
const NO_PID = 2 ** 22 + 1;

/** Resolves with the log of a node whose first restarts fail. */
async function logOf(failures: number): Promise<string[]> {
  const { logger, lines } = recordingLogger('warn');
  const node = {
    pid: NO_PID,
    restart: async () => {
      if (failures-- > 0) throw new FlotillaError('broker.not_started', 'port 5672 is taken');
      node.pid = process.pid;
    },
  };
  const watching = restartBrokerOnExit(node, logger);
  await eventually(() => lines.some(({ message }) => message.endsWith('runs again')));
  await watching.end();
  return lines.map(({ level, message }) => `${level} ${message}`);
}

describe('a private broker that ends', () => {
  it('is reported once, and once when it runs again', async () => {
    expect(await logOf(0)).to.deep.equal([
      'warn the RabbitMQ node ended and is being restarted',
      'warn the RabbitMQ node runs again',
    ]);
  });

  it('is reported at the level of a failed restart when it runs again', async () => {
    expect(await logOf(1)).to.deep.equal([
      'warn the RabbitMQ node ended and is being restarted',
      'error the RabbitMQ node could not be restarted',
      'error the RabbitMQ node runs again',
    ]);
  });
});
