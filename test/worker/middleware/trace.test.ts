import { expect } from 'chai';
import type { Clock } from '../../../src/concurrency/clock.js';
import { createMetrics } from '../../../src/telemetry/metrics.js';
import { ConsumptionGate } from '../../../src/worker/consumption/gate.js';
import { trace } from '../../../src/worker/middleware/trace.js';
import type { PipelineContext } from '../../../src/worker/pipeline/context.js';
import type { Message } from '../../../src/worker/pipeline/message.js';
import { recordingLogger } from '../../support/recording-logger.js';

describe('messages that are returned to their queue', () => {
  it('are logged once for each cause, and their end when messages are handled after the pause', async () => {
    let resume: () => void = () => undefined;
    const clock: Clock = {
      now: () => 0,
      elapsed: () => 0,
      after: (_, work) => {
        resume = work;
        return () => undefined;
      },
      every: () => () => undefined,
    };
    const { logger, lines } = recordingLogger();
    const gate = new ConsumptionGate(1, clock);
    const metrics = createMetrics({ process: false, build: { service: 'test', version: '0' } });
    let error: Error | undefined = new Error('disk full');
    const handle = trace(
      async () => {
        if (error !== undefined) throw error;
        return 'done';
      },
      { name: 'email', metrics, logger, clock, gate } as unknown as PipelineContext,
    );
    const message = { receivedAt: 0, attempt: 1, event: undefined } as unknown as Message;
    const next = () => handle(message);
    expect([await next(), await next(), await next()]).to.deep.equal(['returned', 'returned', 'returned']);
    error = new Error('disk gone');
    await next();
    error = undefined;
    await next(); // still in the pause
    const returned = ['disk full', 'disk gone'].map((cause) => `Message returned to its queue: ${cause}`);
    expect(lines.map((line) => line.message)).to.deep.equal(returned);
    resume();
    await next();
    expect(lines[2]).to.include({ level: 'error', message: 'Messages are handled again' });
  });
});
