import { expect } from 'chai';
import type { Broker, Consumer, Delivery, OutgoingMessage } from '../../src/broker/broker.js';
import type { Fields } from '../../src/broker/messages/amqp-fields.js';
import type { Topology } from '../../src/broker/topology/topology.js';
import { inbox } from '../support/inbox.js';
import { eventually } from '../support/eventually.js';

export interface OpenBroker {
  broker: Broker;
  /** The prefix of all names. */
  prefix: string;
  /** Drops the connections; resolves with a function that restores them. */
  disconnect(): Promise<() => void>;
  deleteQueue(name: string): Promise<void>;
  close(): Promise<void>;
}

const quorum: Fields = { 'x-queue-type': 'quorum' };

/** Tests of every broker implementation. `open` returns a new, connected broker. */
export function brokerContract(name: string, open: () => Promise<OpenBroker>): void {
  describe(`${name} as a broker`, () => {
    let opened: OpenBroker;
    let broker: Broker;
    const n = (suffix: string) => `${opened.prefix}${suffix}`;

    beforeEach(async function () {
      this.timeout(90_000);
      opened = await open();
      broker = opened.broker;
      await broker.ready();
    });
    afterEach(() => opened.close());

    const message = (exchange: string, routingKey: string, id: string, more: Partial<OutgoingMessage> = {}) => ({
      exchange,
      routingKey,
      body: Buffer.from(id),
      properties: { messageId: id },
      ...more,
    });
    const queues = (...suffixes: string[]): Topology => ({
      exchanges: [],
      queues: suffixes.map((suffix) => ({ name: n(suffix), arguments: quorum })),
      bindings: [],
    });
    const publisher = async () => {
      const made = broker.createPublisher();
      await made.ready();
      return made;
    };
    const listen = (queue: string, prefetch = 100) => {
      const received = inbox<Delivery>();
      const consumer = broker.consume(queue, { prefetch, onDelivery: received.put });
      return { consumer, received };
    };
    const consumersOf = (queue: string, wanted: number) =>
      eventually(async () => (await broker.queueDepth(queue))?.consumers === wanted);
    const readyIn = (queue: string, wanted: number) =>
      eventually(async () => (await broker.queueDepth(queue))?.ready === wanted);
    /** Declares the queue `q`, which keeps returned messages at its head, and publishes to it. */
    const fill = async (...ids: string[]) => {
      await broker.applyTopology({
        exchanges: [],
        queues: [{ name: n('q'), arguments: { ...quorum, 'x-delivery-limit': 1_000_000 } }],
        bindings: [],
      });
      const to = await publisher();
      for (const id of ids) await to.publish(message('', n('q'), id));
    };
    /** Expects these messages of `q`, in this order. */
    const expectInOrder = async (...ids: string[]) => {
      const { received } = listen(n('q'), 10);
      for (const id of ids) expect((await received.next()).properties.messageId).to.equal(id);
    };

    it('delivers body and properties to the queue whose pattern matches', async () => {
      await broker.applyTopology({
        exchanges: [{ name: n('x'), type: 'topic' }],
        queues: [
          { name: n('a'), arguments: quorum },
          { name: n('b'), arguments: quorum },
        ],
        bindings: [
          { source: n('x'), destination: n('a'), kind: 'queue', routingKey: 'order.*' },
          { source: n('x'), destination: n('b'), kind: 'queue', routingKey: 'user.#' },
        ],
      });
      const { received } = listen(n('a'));
      const properties = {
        messageId: 'm1',
        type: 'order.created',
        appId: 'test',
        timestamp: 1_700_000_000,
        correlationId: 'c1',
        contentType: 'application/cloudevents+json',
        headers: { text: 'x', number: 7, yes: true, list: ['a', 1], nested: { deep: 'z' } },
      };
      const to = await publisher();
      await to.publish({ exchange: n('x'), routingKey: 'order.created', body: Buffer.from('{}'), properties });
      const delivery = await received.next();
      expect(Buffer.from(delivery.body).toString()).to.equal('{}');
      expect(delivery.properties).to.deep.include(properties);
      expect(delivery).to.include({ queue: n('a'), exchange: n('x'), routingKey: 'order.created', redelivered: false });
      delivery.ack();
      await readyIn(n('b'), 0);
    });

    it('rejects an unroutable mandatory message, and confirms an unroutable message that is not mandatory', async () => {
      await broker.applyTopology({ exchanges: [{ name: n('x'), type: 'topic' }], queues: [], bindings: [] });
      const to = await publisher();
      await to.publish(message(n('x'), 'nobody', 'm1'));
      expect(await codeOf(to.publish(message(n('x'), 'nobody', 'm2', { mandatory: true })))).to.equal(
        'broker.returned',
      );
    });

    it('matches returned messages in a full window to their publishes', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      const outcomes = await Promise.all(
        Array.from({ length: 60 }, (_, i) => {
          const key = i % 3 === 0 ? n('nowhere') : n('q');
          return codeOf(to.publish(message('', key, `m${i}`, { mandatory: true })));
        }),
      );
      outcomes.forEach((code, i) => expect(code, `m${i}`).to.equal(i % 3 === 0 ? 'broker.returned' : undefined));
      await readyIn(n('q'), 40);
    });

    it('routes unmatched messages to the alternate exchange', async () => {
      await broker.applyTopology({
        exchanges: [
          { name: n('events'), type: 'topic' },
          { name: n('work'), type: 'topic', arguments: { 'alternate-exchange': n('unrouted') } },
          { name: n('unrouted'), type: 'fanout' },
        ],
        queues: ['log', 'worker', 'unrouted'].map((suffix) => ({ name: n(suffix), arguments: quorum })),
        bindings: [
          { source: n('events'), destination: n('log'), kind: 'queue', routingKey: '#' },
          { source: n('events'), destination: n('work'), kind: 'exchange', routingKey: '#' },
          { source: n('work'), destination: n('worker'), kind: 'queue', routingKey: 'order.created' },
          { source: n('unrouted'), destination: n('unrouted'), kind: 'queue', routingKey: '' },
        ],
      });
      const to = await publisher();
      await to.publish(message(n('events'), 'order.created', 'm1', { mandatory: true }));
      await to.publish(message(n('events'), 'order.lost', 'm2', { mandatory: true }));
      await readyIn(n('log'), 2);
      await readyIn(n('worker'), 1);
      const { received } = listen(n('unrouted'));
      const unrouted = await received.next();
      expect(unrouted.properties.messageId).to.equal('m2');
      unrouted.ack();
    });

    it('routes by headers', async () => {
      await broker.applyTopology({
        exchanges: [{ name: n('h'), type: 'headers' }],
        queues: ['one', 'any'].map((suffix) => ({ name: n(suffix), arguments: quorum })),
        bindings: [
          { source: n('h'), destination: n('one'), kind: 'queue', routingKey: '', arguments: { slot: 1 } },
          {
            source: n('h'),
            destination: n('any'),
            kind: 'queue',
            routingKey: '',
            arguments: { 'x-match': 'any', slot: 2, colour: 'red' },
          },
        ],
      });
      const to = await publisher();
      await to.publish(message(n('h'), '', 'm1', { properties: { messageId: 'm1', headers: { slot: 1 } } }));
      await to.publish(message(n('h'), '', 'm2', { properties: { messageId: 'm2', headers: { colour: 'red' } } }));
      await readyIn(n('one'), 1);
      await readyIn(n('any'), 1);
    });

    it('delivers at most the prefetch, and the next message after an ack', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      await Promise.all(['m1', 'm2', 'm3'].map((id) => to.publish(message('', n('q'), id))));
      const { received } = listen(n('q'), 2);
      const first = await received.next();
      await received.next();
      expect(received.waiting).to.equal(0);
      await readyIn(n('q'), 1);
      first.ack();
      expect((await received.next()).properties.messageId).to.equal('m3');
    });

    it('redelivers a requeued message before later ones, marked as redelivered', async () => {
      await fill('m1', 'm2');
      const { received } = listen(n('q'), 1);
      const first = await received.next();
      expect(first.redelivered).to.equal(false);
      first.requeue();
      first.ack(); // no effect: settled already
      const again = await received.next();
      expect(again.properties.messageId).to.equal('m1');
      expect(again.redelivered).to.equal(true);
      again.ack();
      expect((await received.next()).properties.messageId).to.equal('m2');
    });

    it('delivers nothing after cancel, allows messages in flight to be settled, and continues after resume', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      await to.publish(message('', n('q'), 'm1'));
      const { consumer, received } = listen(n('q'), 10);
      const inFlight = await received.next();
      await consumer.cancel();
      expect(consumer.consuming).to.equal(false);
      await to.publish(message('', n('q'), 'm2'));
      await readyIn(n('q'), 1);
      expect(received.waiting).to.equal(0);
      inFlight.ack();
      await consumer.resume(1);
      expect(consumer.consuming).to.equal(true);
      const next = await received.next();
      expect(next.properties.messageId).to.equal('m2');
      expect(next.redelivered).to.equal(false);
      next.ack();
      await consumer.close();
      await readyIn(n('q'), 0);
    });

    it('requeues the messages in flight of a closed consumer in order', async () => {
      await fill('m1', 'm2', 'm3', 'm4');
      const { consumer, received } = listen(n('q'), 3);
      const first = await received.next();
      await received.next();
      await received.next();
      await consumer.close();
      expect(first.lost.aborted).to.equal(true);
      first.ack(); // no effect: of a closed channel
      await expectInOrder('m1', 'm2', 'm3', 'm4');
    });

    it('requeues them behind messages that were requeued earlier and not delivered since', async () => {
      await fill('m1', 'm2', 'm3', 'm4');
      for (const prefetch of [3, 1]) {
        const { consumer, received } = listen(n('q'), prefetch);
        for (let count = 0; count < prefetch; count += 1) await received.next();
        await consumer.close();
      }
      await expectInOrder('m2', 'm3', 'm1', 'm4');
    });

    it('consumes a queue that is declared later', async () => {
      const { consumer, received } = listen(n('q'));
      expect(consumer.consuming).to.equal(false);
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      await to.publish(message('', n('q'), 'm1'));
      (await received.next()).ack();
    });

    it('declares a deleted queue again, with its bindings, when its consumer is cancelled', async () => {
      await broker.applyTopology({
        exchanges: [{ name: n('x'), type: 'topic' }],
        queues: [{ name: n('q'), arguments: quorum }],
        bindings: [{ source: n('x'), destination: n('q'), kind: 'queue', routingKey: 'a.*' }],
      });
      const { received } = listen(n('q'));
      await consumersOf(n('q'), 1);
      await opened.deleteQueue(n('q'));
      const to = await publisher();
      await eventually(
        async () => (await codeOf(to.publish(message(n('x'), 'a.b', 'm1', { mandatory: true })))) === undefined,
      );
      const delivery = await received.next();
      expect(delivery.properties.messageId).to.equal('m1');
      delivery.ack();
    });

    it('declares a deleted queue again when a mandatory message to it is returned', async () => {
      await broker.applyTopology(queues('q'));
      await opened.deleteQueue(n('q'));
      const to = await publisher();
      expect(await codeOf(to.publish(message('', n('q'), 'm1', { mandatory: true })))).to.equal('broker.returned');
      await eventually(
        async () => (await codeOf(to.publish(message('', n('q'), 'm2', { mandatory: true })))) === undefined,
      );
      await readyIn(n('q'), 1);
    });

    it('moves messages of a retry queue to the work queue when they expire', async () => {
      await broker.applyTopology({
        exchanges: [],
        queues: [
          { name: n('q'), arguments: quorum },
          {
            name: n('q.retry'),
            arguments: {
              ...quorum,
              'x-message-ttl': 50,
              'x-dead-letter-exchange': '',
              'x-dead-letter-routing-key': n('q'),
              'x-dead-letter-strategy': 'at-least-once',
              'x-overflow': 'reject-publish',
            },
          },
        ],
        bindings: [],
      });
      const to = await publisher();
      await to.publish(message('', n('q.retry'), 'm1', { mandatory: true }));
      const { received } = listen(n('q'));
      const delivery = await received.next();
      expect(delivery.properties.messageId).to.equal('m1');
      expect(delivery.redelivered).to.equal(false);
      delivery.ack();
      await readyIn(n('q.retry'), 0);
    });

    it('dead-letters a message that exceeds the delivery limit, and not before', async () => {
      await broker.applyTopology({
        exchanges: [{ name: n('dlx'), type: 'direct' }],
        queues: [
          {
            name: n('q'),
            arguments: {
              ...quorum,
              'x-delivery-limit': 2,
              'x-dead-letter-exchange': n('dlx'),
              'x-dead-letter-routing-key': 'q',
            },
          },
          { name: n('q.dead'), arguments: quorum },
        ],
        bindings: [{ source: n('dlx'), destination: n('q.dead'), kind: 'queue', routingKey: 'q' }],
      });
      const to = await publisher();
      await to.publish(message('', n('q'), 'm1'));
      // a closed channel counts on every version; from RabbitMQ 4.3 on, a requeue does not
      for (let i = 0; i < 3; i += 1) {
        const { consumer, received } = listen(n('q'));
        await received.next();
        await consumer.close();
      }
      const dead = listen(n('q.dead'));
      expect((await dead.received.next()).properties.messageId).to.equal('m1');
    });

    it('keeps the newest messages of a bounded queue with drop-head', async () => {
      await broker.applyTopology({
        exchanges: [],
        queues: [
          { name: n('q'), arguments: { 'x-queue-type': 'classic', 'x-max-length': 2, 'x-overflow': 'drop-head' } },
        ],
        bindings: [],
      });
      const to = await publisher();
      for (const id of ['m1', 'm2', 'm3']) await to.publish(message('', n('q'), id));
      const { received } = listen(n('q'));
      expect((await received.next()).properties.messageId).to.equal('m2');
      expect((await received.next()).properties.messageId).to.equal('m3');
    });

    it('rejects a publish to a full queue with broker.nacked', async () => {
      await broker.applyTopology({
        exchanges: [],
        queues: [
          { name: n('q'), arguments: { 'x-queue-type': 'classic', 'x-max-length': 1, 'x-overflow': 'reject-publish' } },
        ],
        bindings: [],
      });
      const to = await publisher();
      const codes: (string | undefined)[] = [];
      for (const id of ['m1', 'm2', 'm3']) codes.push(await codeOf(to.publish(message('', n('q'), id))));
      expect(codes).to.include('broker.nacked');
      expect(codes[0]).to.equal(undefined);
    });

    it('plans missing topology, applies it, and plans nothing afterwards', async () => {
      const topology: Topology = {
        exchanges: [{ name: n('x'), type: 'topic' }],
        queues: [{ name: n('q'), arguments: quorum }],
        bindings: [{ source: n('x'), destination: n('q'), kind: 'queue', routingKey: 'a.*' }],
      };
      expect((await broker.planTopology(topology)).map(({ kind, problem }) => `${kind} ${problem}`)).to.deep.equal([
        'exchange missing',
        'queue missing',
        'binding missing',
      ]);
      await broker.applyTopology(topology);
      await broker.applyTopology(topology);
      expect(await broker.planTopology(topology)).to.deep.equal([]);
    });

    it('reports the object and the argument of a conflict once, and changes nothing', async () => {
      await broker.applyTopology({ exchanges: [], queues: [{ name: n('q'), arguments: quorum }], bindings: [] });
      const wanted: Topology = {
        exchanges: [{ name: n('x'), type: 'topic' }],
        queues: [
          { name: n('q'), arguments: { ...quorum, 'x-message-ttl': 5 } },
          { name: n('new'), arguments: quorum },
        ],
        bindings: [],
      };
      const [conflict] = (await broker.planTopology(wanted)).filter(({ problem }) => problem === 'conflict');
      expect(conflict).to.include({ kind: 'queue', name: n('q') });
      const error = await errorOf(broker.applyTopology(wanted));
      expect(error).to.have.property('code', 'broker.topology_conflict');
      expect(error?.message).to.include(n('q')).and.include('x-message-ttl');
      expect(await broker.queueDepth(n('new'))).to.equal(undefined);
      expect(broker.state).to.equal('ready');
    });

    it('reports a surplus binding of a declared queue, and removes it', async () => {
      const topology = (...keys: string[]): Topology => ({
        exchanges: [{ name: n('x'), type: 'topic' }],
        queues: [{ name: n('q'), arguments: quorum }],
        bindings: keys.map((routingKey) => ({ source: n('x'), destination: n('q'), kind: 'queue', routingKey })),
      });
      await broker.applyTopology(topology('a', 'b'));
      const [surplus] = await broker.planTopology(topology('a'));
      expect(surplus).to.include({ kind: 'binding', problem: 'surplus' });
      await broker.applyTopology(topology('a'));
      const to = await publisher();
      expect(await codeOf(to.publish(message(n('x'), 'b', 'm1', { mandatory: true })))).to.equal('broker.returned');
      await to.publish(message(n('x'), 'a', 'm2', { mandatory: true }));
    });

    it('rejects publishes in flight when the channel is reset, and accepts publishes again', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      const inFlight = codeOf(to.publish(message('', n('q'), 'm1')));
      to.reset();
      expect(await inFlight).to.equal('broker.disconnected');
      await to.ready();
      await to.publish(message('', n('q'), 'm2', { mandatory: true }));
    });

    it('recovers after a publish to an exchange that does not exist', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      const error = await errorOf(to.publish(message(n('no-such-exchange'), 'k', 'm1')));
      expect(error).to.have.property('code', 'broker.disconnected');
      expect(error?.message).to.include(n('no-such-exchange'));
      await to.ready();
      await to.publish(message('', n('q'), 'm2', { mandatory: true }));
    });

    it('recovers publishers, consumers and messages in flight after a lost connection', async () => {
      await broker.applyTopology(queues('q'));
      const to = await publisher();
      const { consumer, received } = listen(n('q'));
      await to.publish(message('', n('q'), 'm1'));
      const inFlight = await received.next();
      const states: string[] = [];
      broker.onState((state) => states.push(state));
      const reconnect = await opened.disconnect();
      await aborted(inFlight.lost);
      await eventually(async () => to.state === 'connecting' && !consumer.consuming && broker.state === 'connecting');
      expect(await codeOf(to.publish(message('', n('q'), 'm2')))).to.equal('broker.disconnected');
      inFlight.ack(); // no effect: of the previous connection
      reconnect();
      await Promise.all([broker.ready(), to.ready()]);
      const again = await received.next();
      expect(again.properties.messageId).to.equal('m1');
      expect(again.redelivered).to.equal(true);
      again.ack();
      await to.publish(message('', n('q'), 'm3', { mandatory: true }));
      (await received.next()).ack();
      expect(states[0]).to.equal('connecting');
      expect(states.at(-1)).to.equal('ready');
    });

    it('removes parts of the topology, whether or not they exist, and does not declare them again', async () => {
      const topology = {
        exchanges: [
          { name: n('in'), type: 'fanout' as const },
          { name: n('out'), type: 'fanout' as const },
        ],
        queues: [{ name: n('q'), arguments: quorum }],
        bindings: [
          { source: n('in'), destination: n('out'), kind: 'exchange' as const, routingKey: '' },
          { source: n('out'), destination: n('q'), kind: 'queue' as const, routingKey: '' },
        ],
      };
      await broker.applyTopology(topology);
      expect(await broker.hasExchange(n('out'))).to.equal(true);
      const [binding] = topology.bindings;
      await broker.removeTopology({ exchanges: [], queues: [], bindings: binding === undefined ? [] : [binding] });
      const publisher = broker.createPublisher();
      await publisher.ready();
      const lost = { exchange: n('in'), routingKey: 'a', body: Buffer.from('1'), properties: {}, mandatory: true };
      expect(await codeOf(publisher.publish(lost))).to.equal('broker.returned');
      const parts = { exchanges: topology.exchanges.slice(1), queues: topology.queues, bindings: [] };
      await broker.removeTopology(parts);
      await broker.removeTopology(parts);
      expect(await broker.hasExchange(n('out'))).to.equal(false);
      expect(await broker.queueDepth(n('q'))).to.equal(undefined);
      expect(await broker.hasExchange(n('in'))).to.equal(true);
    });

    it('declares the variant of a choice that it has, the first one if it has none, and none if it has two', async () => {
      const variant = (name: string) => ({
        exchange: n(name),
        exchanges: [{ name: n(name), type: 'fanout' as const }],
        queues: [{ name: n(`${name}-q`), arguments: quorum }],
        bindings: [{ source: n(name), destination: n(`${name}-q`), kind: 'queue' as const, routingKey: '' }],
        entry: { source: n('in'), destination: n(name), kind: 'exchange' as const, routingKey: '' },
      });
      const [a, b] = [variant('a'), variant('b')];
      const base = { exchanges: [{ name: n('in'), type: 'fanout' as const }], queues: [], bindings: [] };
      await broker.applyTopology({ ...base, choices: [[a, b]] });
      expect([await broker.hasExchange(a.exchange), await broker.hasExchange(b.exchange)]).to.deep.equal([true, false]);
      await broker.applyTopology({ ...base, choices: [[b, a]] });
      expect([await broker.hasExchange(a.exchange), await broker.hasExchange(b.exchange)]).to.deep.equal([true, false]);
      await broker.applyTopology({ exchanges: b.exchanges, queues: [], bindings: [] });
      await broker.removeTopology({ exchanges: [], queues: [], bindings: [a.entry] });
      expect(await broker.planTopology({ ...base, choices: [[a, b]] })).to.deep.equal([]);
      await broker.applyTopology({ ...base, choices: [[a, b]] });
      expect(await broker.queueDepth(n('b-q'))).to.equal(undefined);
      const publisher = broker.createPublisher();
      await publisher.ready();
      const lost = { exchange: n('in'), routingKey: 'a', body: Buffer.from('1'), properties: {}, mandatory: true };
      expect(await codeOf(publisher.publish(lost))).to.equal('broker.returned');
    });

    it('waits for the broker in applyTopology, and rejects when the signal aborts', async () => {
      const reconnect = await opened.disconnect();
      await eventually(async () => broker.state === 'connecting');
      const giveUp = new AbortController();
      const given = errorOf(broker.applyTopology(queues('q'), giveUp.signal));
      const reason = new Error('enough');
      giveUp.abort(reason);
      expect(await given).to.equal(reason);
      const applied = broker.applyTopology(queues('q'));
      reconnect();
      await applied;
      expect(await broker.queueDepth(n('q'))).to.deep.equal({ ready: 0, consumers: 0 });
    });

    it('tolerates an onDelivery that throws', async () => {
      await broker.applyTopology(queues('q'));
      const received = inbox<Delivery>();
      let thrown = 0;
      const consumer: Consumer = broker.consume(n('q'), {
        prefetch: 10,
        onDelivery(delivery) {
          if (delivery.properties.messageId === 'bad') {
            thrown += 1;
            throw new Error('a bug');
          }
          received.put(delivery);
        },
      });
      const to = await publisher();
      await to.publish(message('', n('q'), 'good1'));
      const first = await received.next();
      await to.publish(message('', n('q'), 'bad'));
      await to.publish(message('', n('q'), 'good2'));
      (await received.next()).ack();
      expect(thrown).to.equal(1);
      expect(first.lost.aborted).to.equal(false);
      first.ack();
      await consumer.close();
      await readyIn(n('q'), 1);
    });

    it('rejects all operations after close with broker.closed', async () => {
      const to = await publisher();
      await broker.close();
      expect(broker.state).to.equal('closed');
      expect(to.state).to.equal('closed');
      expect(await codeOf(to.publish(message('', n('q'), 'm1')))).to.equal('broker.closed');
      expect(await codeOf(broker.ready())).to.equal('broker.closed');
      expect(await codeOf(to.ready())).to.equal('broker.closed');
      expect(() => broker.createPublisher())
        .to.throw()
        .with.property('code', 'broker.closed');
    });
  });
}

/** The error of a rejected promise; undefined where it resolves. */
export async function errorOf(promise: Promise<unknown>): Promise<Error | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error = await errorOf(promise);
  return error !== undefined && 'code' in error ? String(error.code) : error?.message;
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
