import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { HEADERS, textHeader } from '../../../src/broker/messages/headers.js';
import { parseFleetKeys } from '../../../src/broker/signing/fleet-keys.js';
import { signedBroker } from '../../../src/broker/signing/signed-broker.js';
import { auditOf } from '../../../src/dead-letters/storage/audit.js';
import {
  discardDeadLetters,
  undoDiscard,
  UNDO_PERIOD_MS,
} from '../../../src/dead-letters/operations/discard-dead-letters.js';
import { editDeadLetter } from '../../../src/dead-letters/operations/edit-dead-letter.js';
import { collectDeadLetters } from '../../../src/dead-letters/keeper/collect-dead-letters.js';
import { findDeadLetter, groupDeadLetters, listDeadLetters } from '../../../src/dead-letters/storage/queries.js';
import { removeOldBodies } from '../../../src/dead-letters/storage/remove-bodies.js';
import {
  replayDeadLetters,
  type ReplayDeadLettersOptions,
  type DeadLetterReplayResult,
} from '../../../src/dead-letters/operations/replay-dead-letters.js';
import { formatDeadLetter } from '../../../src/dead-letters/format-dead-letter.js';
import { hasCode } from '../../../src/errors.js';
import {
  publishDeadLetters,
  definitions,
  deadLetterMessage,
  openFixture,
  takeMessages,
  type DeadLetterFixture,
  type DeadLetterMessage,
} from '../support/dead-letter-fixture.js';

const { signal } = new AbortController();
const keys = parseFleetKeys('k'.repeat(32));

for (const kind of ['memory', 'rabbitmq'] as const) {
  describe(`dead letters of untrusted origin, ${kind}`, function () {
    this.timeout(60_000);
    let bench: DeadLetterFixture;
    beforeEach(async () => (bench = await openFixture(kind)));
    afterEach(() => bench.close());

    const keep = async (...letters: DeadLetterMessage[]) => {
      await publishDeadLetters(bench, ...letters);
      return collectDeadLetters({ ...bench, definitions, workers: bench.workerNames, signal });
    };
    const idOf = ({ properties }: DeadLetterMessage) => textHeader(properties.headers, HEADERS.deadLetterId) ?? '';
    const withHeaders = (letter: DeadLetterMessage, headers: object): DeadLetterMessage => ({
      ...letter,
      properties: { ...letter.properties, headers: { ...letter.properties.headers, ...headers } },
    });
    const replay = async (options: Partial<ReplayDeadLettersOptions> = {}) => {
      const results: DeadLetterReplayResult[] = [];
      const onResult = (result: DeadLetterReplayResult) => results.push(result);
      await replayDeadLetters(bench.replayer, { selection: { filter: {} }, who: 'ann', signal, onResult, ...options });
      return results;
    };
    const later = new Date(Date.now() + 24 * 3_600_000).toISOString();

    const contents: Record<string, (letter: DeadLetterMessage) => DeadLetterMessage> = {
      'another body': (letter) => ({ ...letter, body: Buffer.from('{"evil":true}') }),
      'another idempotency key': (letter) => withHeaders(letter, { [HEADERS.key]: 'evil' }),
    };
    for (const [what, forge] of Object.entries(contents)) {
      it(`stores a message with the id of a stored dead letter and ${what} separately, in any state of that dead letter`, async () => {
        for (const state of ['dead', 'replayed', 'discarded'] as const) {
          const letter = deadLetterMessage({ orderId: state });
          await keep(letter);
          const id = idOf(letter);
          const selection = { ids: [id] };
          if (state === 'replayed') await replay({ selection });
          if (state === 'discarded') {
            await discardDeadLetters(bench.replayer, { selection, who: 'ann', reason: 'x', signal });
          }
          const forged = withHeaders(forge(letter), { [HEADERS.replays]: 5, [HEADERS.deadAt]: later });
          await keep(forged, forged);

          const original = await findDeadLetter(bench.store, id);
          expect(original).to.include({ state, replays: 0 });
          expect(Buffer.from(original.body)).to.deep.equal(letter.body);
          const { items } = await listDeadLetters(bench.store, { codes: ['dead_letter.conflict'], text: id });
          const found = items.find(({ message }) => message.includes(id));
          expect(found?.state).to.equal('dead');
          const kept = await findDeadLetter(bench.store, found?.id ?? '');
          expect(kept.conflictOf).to.equal(id);
          expect(formatDeadLetter(kept, { trail: [], last: null, body: [] }).join('\n')).to.contain(
            `conflicts with  ${id}`,
          );
        }
        const groups = await groupDeadLetters(bench.store, { codes: ['dead_letter.conflict'] });
        expect(groups.reduce((sum, { count }) => sum + count, 0)).to.equal(3);
      });
    }

    it('rejects a replay of a conflict, and discards it like any other dead letter', async () => {
      const letter = deadLetterMessage();
      await keep(letter, {
        ...letter,
        body: Buffer.from(JSON.stringify({ ...letter.event, data: { orderId: 'o1', amount: 9 } })),
      });
      const [conflict] = (await listDeadLetters(bench.store, { codes: ['dead_letter.conflict'] })).items;
      const selection = { ids: [conflict?.id ?? ''] };
      const [refused] = await replay({ selection, force: true, vouch: true });
      expect(refused?.outcome).to.equal('refused');
      expect((await replay()).map(({ outcome }) => outcome).sort()).to.deep.equal(['refused', 'sent']);
      const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      expect(Buffer.from(sent?.body ?? [])).to.deep.equal(letter.body);
      const discarded = await discardDeadLetters(bench.replayer, { selection, who: 'ann', reason: 'forged', signal });
      expect(discarded.discarded).to.equal(1);
      const subjects = await Promise.all(
        [`dead-letter/${conflict?.id}`, 'order/o1'].map(async (subject) =>
          (await bench.store.read(subject)).map(({ type }) => type),
        ),
      );
      expect(subjects).to.deep.equal([
        ['message.dead_lettered', 'message.discarded'],
        ['message.dead_lettered', 'message.replayed'],
      ]);
    });

    it('stores the latest attempts of a dead letter that was replayed and dead-lettered again', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      await replay();
      await keep(
        withHeaders(letter, { [HEADERS.replays]: 1, [HEADERS.deadAt]: later, [HEADERS.errorCode]: 'worker.timeout' }),
      );
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({
        state: 'dead',
        replays: 1,
        code: 'worker.timeout',
        deadAt: later,
      });
    });

    it('stores the latest reason of a dead letter that is dead-lettered again without a replay, and no earlier one', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      const again = withHeaders(letter, { [HEADERS.deadAt]: later, [HEADERS.errorCode]: 'worker.timeout' });
      await keep(again, letter, again);
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({ code: 'worker.timeout', deadAt: later });
      const events = await bench.store.read('order/o1');
      expect(events.map(({ type }) => type)).to.deep.equal(['message.dead_lettered', 'message.dead_lettered']);
    });

    it('stores an excerpt of a body that is too large, with its size and hash, and replays it only with new content', async () => {
      const body = Buffer.alloc(3 * 1024 * 1024, 'x');
      await keep(deadLetterMessage({ body, code: 'contract.too_large' }));
      const [{ id } = { id: '' }] = (await listDeadLetters(bench.store)).items;
      const kept = await findDeadLetter(bench.store, id);
      const hash = createHash('sha256').update(body).digest('hex');
      expect(kept).to.include({ bodySize: body.length, bodyHash: hash });
      expect(kept.body.length).to.equal(64 * 1024);
      expect(formatDeadLetter(kept, { trail: [], last: null, body: [] }).join('\n')).to.contain(
        `${body.length} bytes, only the first 65536 are stored, SHA-256 ${hash}`,
      );
      const [refused] = await replay({ force: true });
      expect(refused?.detail).to.contain('too large');
      const content = { orderId: 'o1', amount: 5 };
      const edited = await editDeadLetter(bench.replayer, {
        id,
        who: 'ann',
        content: { specversion: '1.0', type: 'payment.process', subject: 'order/o1', data: content },
        signal,
      });
      expect(edited.sent).to.equal(true);
    });

    it('removes a discarded body after seven days, or immediately', async () => {
      const [old, now] = [deadLetterMessage({ orderId: 'a' }), deadLetterMessage({ orderId: 'b' })];
      await keep(old, now);
      const discard = { who: 'ann', reason: 'x', signal };
      await discardDeadLetters(bench.replayer, { ...discard, selection: { ids: [idOf(old)] } });
      await discardDeadLetters(bench.replayer, { ...discard, selection: { ids: [idOf(now)] }, purge: true });
      const sizeOf = async (letter: DeadLetterMessage) => (await findDeadLetter(bench.store, idOf(letter))).body.length;
      expect(await sizeOf(now)).to.equal(0);
      const refused: unknown = await undoDiscard(bench.replayer, { id: idOf(now), who: 'ann' }).catch(
        (error: unknown) => error,
      );
      expect(hasCode(refused, 'dead_letter.refused')).to.equal(true);
      expect(await removeOldBodies(bench.store, Date.now() - UNDO_PERIOD_MS, signal)).to.equal(0);
      expect(await sizeOf(old)).to.equal(old.body.length);
      expect(await removeOldBodies(bench.store, Date.now() + 1000, signal)).to.equal(1);
      const freed = await findDeadLetter(bench.store, idOf(old));
      expect(freed).to.include({ isBodyRemoved: true, bodySize: old.body.length, state: 'discarded' });
      expect(freed.bodyHash).to.equal(createHash('sha256').update(old.body).digest('hex'));
      expect((await auditOf(bench.store.query, freed.id)).map(({ action }) => action)).to.deep.equal(['discarded']);
      await keep(withHeaders(old, { [HEADERS.deadAt]: later }));
      expect(await findDeadLetter(bench.store, idOf(old))).to.include({ state: 'discarded', isBodyRemoved: true });
    });

    describe('of a fleet with a key', () => {
      beforeEach(() => {
        const broker = signedBroker(bench.broker, { keys, verification: 'require' });
        bench = { ...bench, broker, replayer: { ...bench.replayer, broker } };
      });

      it('are stored without the claims in their headers, and do not affect the claimed subject', async () => {
        const letter = deadLetterMessage();
        await keep(letter); // not signed
        const { items } = await listDeadLetters(bench.store);
        expect(items).to.have.length(1);
        expect(items[0]?.id).to.not.equal(idOf(letter));
        expect(items[0]).to.include({ code: 'broker.unknown', attemptCount: 0, replays: 0 });
        expect(await bench.store.read('order/o1')).to.have.length(0);
        expect(
          formatDeadLetter(await findDeadLetter(bench.store, items[0]?.id ?? ''), {
            trail: [],
            last: null,
            body: [],
          }).join('\n'),
        ).to.contain('not signed by this fleet');
      });

      it('are replayed only with --vouch, which signs them', async () => {
        await keep(deadLetterMessage());
        expect((await replay({ force: true })).map(({ detail }) => detail).join()).to.contain('--vouch');
        expect((await replay({ vouch: true })).map(({ outcome }) => outcome)).to.deep.equal(['sent']);
        const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
        expect(sent?.origin).to.equal('fleet');
        const [{ id } = { id: '' }] = (await listDeadLetters(bench.store)).items;
        expect((await auditOf(bench.store.query, id)).map(({ detail }) => detail)).to.deep.equal(['vouched for']);
      });

      it('are distinguished from messages signed by a worker of the fleet', async () => {
        const { worker, body, properties } = deadLetterMessage();
        const publisher = bench.broker.createPublisher();
        await publisher.ready();
        const vouch = { origin: 'fleet', for: bench.names.queue(worker) } as const;
        await publisher.publish({ exchange: bench.names.deadLetters, routingKey: worker, body, properties, vouch });
        await publisher.close();
        await keep();
        const { items } = await listDeadLetters(bench.store);
        expect(items[0]).to.include({ code: 'worker.handler_failed', attemptCount: 2 });
        expect(await bench.store.read('order/o1')).to.have.length(1);
        expect((await replay()).map(({ outcome }) => outcome)).to.deep.equal(['sent']);
      });
    });
  });
}
