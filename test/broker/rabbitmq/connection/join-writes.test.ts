import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { joinWrites } from '../../../../src/broker/rabbitmq/connection/join-writes.js';

describe('frames of several channels', () => {
  it('are sent together if they are written in one turn of the event loop, in their order', async () => {
    const sent: string[] = [];
    const stream = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        sent.push(String(chunk));
        done();
      },
      writev(chunks, done) {
        sent.push(chunks.map(({ chunk }) => String(chunk)).join(' '));
        done();
      },
    });
    joinWrites(stream);
    for (const frame of ['a', 'b', 'c']) expect(stream.write(frame)).to.equal(true);
    expect(sent).to.deep.equal([]);
    await new Promise(setImmediate);
    stream.write('d');
    await new Promise(setImmediate);
    expect(sent).to.deep.equal(['a b c', 'd']);
  });

  it('report that the socket is full, and that it is not any more', async () => {
    const stream = new Duplex({
      highWaterMark: 4,
      read: () => undefined,
      writev: (_chunks, done) => setImmediate(done),
    });
    joinWrites(stream);
    const drained = new Promise((resolve) => stream.once('drain', resolve));
    expect([stream.write('abc'), stream.write('def')]).to.deep.equal([true, false]);
    await drained;
    expect(stream.write('abc')).to.equal(true);
  });

  it('are discarded with their socket', async () => {
    const stream = new Duplex({ read: () => undefined, writev: (_chunks, done) => done() });
    stream.on('error', () => undefined);
    joinWrites(stream);
    stream.write('a');
    stream.destroy(new Error('lost'));
    await new Promise(setImmediate);
    expect(stream.destroyed).to.equal(true);
  });
});
