import { expect } from 'chai';
import { FaultLog } from '../../src/telemetry/fault-log.js';
import { recordingLogger } from '../support/recording-logger.js';

describe('the log of a fault', () => {
  it('has the begin, a changed cause, the same cause once a minute, and the end with the duration', () => {
    const { logger, lines } = recordingLogger();
    let now = 0;
    const fault = new FaultLog(logger, 'error', () => now);
    fault.recovered('works again');
    fault.failed('failed; retrying', { error: 'disk full', store: 'core' });
    fault.failed('failed; retrying', { error: 'disk full', store: 'core' });
    fault.failed('failed; retrying', { error: 'locked', store: 'core' });
    now = 61_000;
    fault.failed('failed; retrying', { error: 'disk full', store: 'core' });
    now = 62_540;
    fault.recovered('works again', { store: 'core' });
    fault.recovered('works again', { store: 'core' });
    fault.failed('failed; retrying', { error: 'disk full', store: 'core' });
    const failed = { level: 'error', message: 'failed; retrying', store: 'core' };
    expect(lines).to.deep.equal([
      { ...failed, error: 'disk full' },
      { ...failed, error: 'locked' },
      { ...failed, error: 'disk full', suppressed: 1 },
      { level: 'error', message: 'works again', store: 'core', faultSeconds: 62.5 },
      { ...failed, error: 'disk full' },
    ]);
  });
});
