import { expect } from 'chai';
import { callOnce, closeAction, idempotencyKeys, KeyReusedError, type ExternalAction } from 'flotilla';

interface Booked {
  id: string;
}

/** A service that books once per key and rejects negative amounts; `calls` lists the requests it received. */
function bookings() {
  const booked = new Map<string, { amount: number; result: Booked }>();
  const closed = new Set<string>();
  const calls: string[] = [];
  const close = (key: string): Promise<Booked | undefined> => {
    calls.push(`close ${key}`);
    closed.add(key);
    return Promise.resolve(booked.get(key)?.result);
  };
  const booking = (amount: number): ExternalAction<Booked> => ({
    close,
    call: (key) => {
      calls.push(`call ${key}`);
      const known = booked.get(key);
      if (known !== undefined && known.amount === amount) return Promise.resolve(known.result);
      if (known !== undefined || closed.has(key)) return Promise.reject(new KeyReusedError(key));
      if (amount < 0) return Promise.resolve({ refused: 'negative' });
      const result = { id: `${key}:${amount}` };
      booked.set(key, { amount, result });
      return Promise.resolve(result);
    },
  });
  return { booking, calls, booked };
}

describe('callOnce', () => {
  const keys = idempotencyKeys('order-1');

  it('derives one key for the action and one for each edit', () => {
    expect(keys).to.deep.equal(['order-1', 'order-1-2', 'order-1-3', 'order-1-4']);
  });

  it('performs the action once, also for concurrent requests', async () => {
    const { booking, booked } = bookings();
    const results = await Promise.all([1, 2, 3].map(() => callOnce(booking(5), keys)));
    expect(results).to.deep.equal([1, 2, 3].map(() => ({ id: 'order-1:5' })));
    expect(booked.size).to.equal(1);
  });

  it('keeps the result for the original data after the command is edited', async () => {
    const { booking, booked } = bookings();
    await callOnce(booking(5), keys);
    expect(await callOnce(booking(6), keys)).to.deep.equal({ id: 'order-1:5' });
    expect(booked.size).to.equal(1);
  });

  it('uses the next key where the previous one was closed without a result', async () => {
    const { booking } = bookings();
    await booking(5).close('order-1');
    expect(await callOnce(booking(6), keys)).to.deep.equal({ id: 'order-1-2:6' });
  });

  it('closes every key after a rejection', async () => {
    const { booking, calls } = bookings();
    expect(await callOnce(booking(-1), keys)).to.deep.equal({ refused: 'negative' });
    expect(calls).to.deep.equal(['call order-1', ...keys.map((key) => `close ${key}`)]);
  });

  it('throws where every key was used with different data', async () => {
    const { booking } = bookings();
    await closeAction(booking(5), keys);
    const error: unknown = await callOnce(booking(6), keys).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(KeyReusedError).and.to.have.property('code', 'outside.key_reused');
  });
});
