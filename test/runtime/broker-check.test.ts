import { expect } from 'chai';
import { FlotillaError } from '../../src/errors.js';
import { brokerCheck } from '../../src/runtime/broker/broker-check.js';

describe('the check `broker` of /readyz', () => {
  const failure = { code: 'broker.refused_credentials', detail: 'user "shop", rabbit:5672' } as const;

  it('names the cause and its remedy while disconnected', () => {
    const { ok, detail } = brokerCheck({ state: 'connecting', blockedBy: undefined }, failure);
    expect(ok).to.equal(false);
    expect(detail).to.match(
      /^connecting: broker\.refused_credentials: The broker refused .*: user "shop", rabbit:5672\. Check the user and .*$/,
    );
  });

  it('reports only the state for an unknown cause and after reconnecting', () => {
    expect(brokerCheck({ state: 'connecting', blockedBy: undefined }, undefined).detail).to.equal('connecting');
    expect(brokerCheck({ state: 'ready', blockedBy: undefined }, failure)).to.deep.equal({ ok: true, detail: 'ready' });
  });

  it('names the missing permission to publish and its remedy', () => {
    const publishRefusal = new FlotillaError('broker.not_permitted', 'exchange "flotilla.events" refused');
    const { ok, detail } = brokerCheck({ state: 'ready', blockedBy: undefined, publishRefusal }, undefined);
    expect(ok).to.equal(false);
    expect(detail).to.match(
      /^ready: publishes fail: broker\.not_permitted: .*"flotilla\.events" refused\. .*run the commands that `flotilla topology permissions --user <name>`/,
    );
  });

  it('names the alarm that blocks publishers', () => {
    const { ok, detail } = brokerCheck({ state: 'blocked', blockedBy: 'low on disk' }, undefined);
    expect(ok).to.equal(false);
    expect(detail).to.equal('blocked: the broker blocks publishers (low on disk)');
  });
});
