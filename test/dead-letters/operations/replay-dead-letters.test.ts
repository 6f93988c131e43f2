import { expect } from 'chai';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { HEADERS, readAttempts, textHeader } from '../../../src/broker/messages/headers.js';
import { auditOf } from '../../../src/dead-letters/storage/audit.js';
import { CLAIM_TTL_MS, claimForReplay } from '../../../src/dead-letters/storage/replay-claims.js';
import { discardDeadLetters, undoDiscard } from '../../../src/dead-letters/operations/discard-dead-letters.js';
import { editDeadLetter } from '../../../src/dead-letters/operations/edit-dead-letter.js';
import { collectDeadLetters } from '../../../src/dead-letters/keeper/collect-dead-letters.js';
import {
  findDeadLetter,
  groupDeadLetters,
  listDeadLetters,
  type DeadLetterFilter,
} from '../../../src/dead-letters/storage/queries.js';
import {
  replayDeadLetters,
  type DeadLetterContext,
  type ReplayDeadLettersOptions,
  type DeadLetterReplayResult,
} from '../../../src/dead-letters/operations/replay-dead-letters.js';
import { lastReplay } from '../../../src/dead-letters/last-replay.js';
import { hasCode } from '../../../src/errors.js';
import type { EventEnvelope } from '../../../src/events/envelope.js';
import type { InboxKey, Store } from '../../../src/store/store.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
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

describe('stored dead letters', function () {
  this.timeout(60_000);
  let bench: DeadLetterFixture;
  beforeEach(async () => (bench = await openFixture()));
  afterEach(() => bench.close());

  const keep = async (...letters: DeadLetterMessage[]) => {
    await publishDeadLetters(bench, ...letters);
    await collectDeadLetters({ ...bench, definitions, workers: bench.workerNames, signal });
  };
  const idOf = ({ properties }: DeadLetterMessage) => textHeader(properties.headers, HEADERS.deadLetterId) ?? '';
  const stateOf = async (letter: DeadLetterMessage) => (await findDeadLetter(bench.store, idOf(letter))).state;
  const replay = async (options: Partial<ReplayDeadLettersOptions> = {}, replayer: Partial<DeadLetterContext> = {}) => {
    const results: DeadLetterReplayResult[] = [];
    const summary = await replayDeadLetters(
      { ...bench.replayer, ...replayer },
      {
        selection: { filter: {} },
        who: 'ann',
        signal,
        onResult: (result) => results.push(result),
        ...options,
      },
    );
    return { summary, results };
  };
  const waiting = async (worker = 'payment') => (await bench.broker.queueDepth(bench.names.queue(worker)))?.ready;

  describe('queries', () => {
    const letters = [
      deadLetterMessage({
        orderId: 'a',
        code: 'contract.invalid_data',
        at: '2026-01-01T00:00:00.000Z',
        amount: 'five_50%',
      }),
      deadLetterMessage({ orderId: 'b', code: 'contract.newer_version', at: '2026-01-02T00:00:00.000Z' }),
      deadLetterMessage({
        orderId: 'c',
        code: 'worker.timeout',
        at: '2026-01-03T00:00:00.000Z',
        message: 'Gateway SILENT',
      }),
      deadLetterMessage({ orderId: 'd', code: 'worker.timeout', at: '2026-01-04T00:00:00.000Z', worker: 'shipping' }),
    ];
    beforeEach(() => keep(...letters));

    it('find by worker, code, type, subject, time and text, alone or together', async () => {
      const found = async (filter: DeadLetterFilter) =>
        (await listDeadLetters(bench.store, filter)).items.map(({ subject }) => subject?.at(-1)).join('');
      expect(await found({})).to.equal('dcba');
      expect(await found({ worker: 'payment' })).to.equal('cba');
      expect(await found({ codes: ['contract.*'] })).to.equal('ba');
      expect(await found({ codes: ['worker.timeout'], worker: 'shipping' })).to.equal('d');
      expect(await found({ codes: ['*.timeout', 'contract.newer_version'] })).to.equal('dcb');
      expect(await found({ codes: ['contract'] })).to.equal('');
      expect(await found({ types: ['payment.*'] })).to.equal('dcba');
      expect(await found({ types: ['*.processed', '#.refunded'] })).to.equal('');
      expect(await found({ subject: 'order/b' })).to.equal('b');
      expect(await found({ since: '2026-01-02T00:00:00Z', until: '2026-01-04T01:00:00+01:00' })).to.equal('cb');
      expect(await found({ text: 'gateway silent' })).to.equal('c');
      expect(await found({ text: 'five_50%' })).to.equal('a');
      expect(await found({ text: '_' })).to.equal('a');
      expect(await found({ text: '%_%' })).to.equal('');
      expect(await found({ states: ['discarded'] })).to.equal('');
    });

    it('page through any number, with the total', async () => {
      const page = await listDeadLetters(bench.store, {}, { limit: 2, offset: 1, first: 'oldest' });
      expect(page.total).to.equal(4);
      expect(page.items.map(({ subject }) => subject)).to.deep.equal(['order/b', 'order/c']);
    });

    it('group by worker, code and type', async () => {
      const groups = await groupDeadLetters(bench.store);
      expect(groups).to.have.length(4);
      expect(groups[0]).to.include({ count: 1, type: 'payment.process' });
    });

    it('find a dead letter by a unique prefix of its id, and reject an ambiguous prefix', async () => {
      const [first] = letters;
      if (first === undefined) throw new Error('no letter');
      expect((await findDeadLetter(bench.store, idOf(first).slice(0, 20).toUpperCase())).subject).to.equal('order/a');
      for (const id of ['', '0', 'ffff', '%']) {
        const error = await findDeadLetter(bench.store, id).catch((thrown: unknown) => thrown);
        expect(hasCode(error, 'dead_letter.not_found'), id).to.equal(true);
      }
    });
  });

  describe('replay', () => {
    it('sends to the queue of the worker only, with the attempt history, as a first attempt', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      expect((await replay()).summary).to.include({ sent: 1, failed: 0, refused: 0 });
      const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      expect(Buffer.from(sent?.body ?? [])).to.deep.equal(letter.body);
      expect(sent?.properties).to.include({ messageId: letter.event.id, type: 'payment.process' });
      const headers = sent?.properties.headers ?? {};
      expect(readAttempts(headers)).to.have.length(2);
      expect(headers[HEADERS.replays]).to.equal(1);
      for (const gone of [HEADERS.attempt, HEADERS.deadLetterId, HEADERS.errorCode, 'x-death']) {
        expect(headers).not.to.have.property(gone);
      }
      expect((await bench.broker.queueDepth(bench.names.log))?.ready ?? 0).to.equal(0);
    });

    it('marks, reports and audits sent dead letters, and does not send them again', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      await replay();
      expect(await stateOf(letter)).to.equal('replayed');
      expect((await bench.store.read('order/o1')).map(({ type }) => type)).to.deep.equal([
        'message.dead_lettered',
        'message.replayed',
      ]);
      expect((await auditOf(bench.store.query, idOf(letter)))[0]).to.include({ who: 'ann', action: 'replayed' });
      expect((await replay()).summary).to.include({ selected: 0 });
      const { results } = await replay({ selection: { ids: [idOf(letter)] } });
      expect(results[0]).to.include({ outcome: 'refused' });
      expect(await waiting()).to.equal(1);
    });

    it('checks schema, route and inbox in a dry run, and sends nothing', async () => {
      const good = deadLetterMessage({ orderId: 'good' });
      const bad = deadLetterMessage({ orderId: 'bad', amount: -1 });
      const lost = deadLetterMessage({ orderId: 'lost', worker: 'shipping' });
      await keep(good, bad, lost);
      const { results, summary } = await replay(
        { dryRun: true },
        {
          handled: async ({ consumer, source, id }) =>
            consumer === 'payment' && source === 'core' && id === good.event.id,
          broker: {
            createPublisher: () => bench.broker.createPublisher(),
            queueDepth: async (queue) => (queue === 'shipping' ? undefined : bench.broker.queueDepth(queue)),
          },
        },
      );
      expect(summary).to.include({ ready: 1, refused: 2, sent: 0 });
      const detail = (letter: DeadLetterMessage) => results.find(({ id }) => id === idOf(letter))?.detail;
      expect(detail(good)).to.contain('already handled it');
      expect(detail(bad)).to.contain('contract.invalid_data');
      expect(detail(lost)).to.contain('no queue shipping');
      expect(await waiting()).to.equal(0);
      expect(await stateOf(good)).to.equal('dead');
    });

    it('sends a command for a closed aggregate, or an invalid message, only with --force', async () => {
      await keep(deadLetterMessage({ orderId: 'closed' }), deadLetterMessage({ orderId: 'open', amount: 'much' }));
      const isClosed = async ({ subject }: { subject: string }) => subject === 'order/closed';
      expect((await replay({}, { isClosed })).summary).to.include({ sent: 0, refused: 2 });
      expect((await replay({ force: true }, { isClosed })).summary).to.include({ sent: 2, refused: 0 });
    });

    it('selects by filter and limit, oldest first', async () => {
      const letters = [3, 1, 2].map((day) =>
        deadLetterMessage({ orderId: `o${day}`, at: `2026-01-0${day}T00:00:00.000Z` }),
      );
      await keep(...letters, deadLetterMessage({ worker: 'shipping', at: '2025-01-01T00:00:00.000Z' }));
      const { results } = await replay({ selection: { filter: { worker: 'payment' } }, limit: 2, rate: 1000 });
      expect(results.map(({ subject }) => subject)).to.deep.equal(['order/o1', 'order/o2']);
      expect(await waiting('shipping')).to.equal(0);
    });

    it('leaves a message that is dead-lettered again during the run for the next run', async () => {
      const first = deadLetterMessage();
      await keep(first);
      await replay();
      const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      await keep({
        ...first,
        properties: {
          ...first.properties,
          headers: { ...sent?.properties.headers, ...first.properties.headers, [HEADERS.replays]: 1 },
        },
      });
      expect(await findDeadLetter(bench.store, idOf(first))).to.include({ state: 'dead', replays: 1 });
      expect((await replay()).summary.sent).to.equal(1);
      const [again] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      expect(again?.properties.headers[HEADERS.replays]).to.equal(2);
    });

    it('reports the target of the last replay and whether it was handled or dead-lettered again', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      const last = async (handled?: boolean) => {
        const trail = await auditOf(bench.store.query, idOf(letter));
        const isHandled = async ({ consumer, id }: InboxKey) =>
          consumer === 'shipping' && id === letter.event.id ? handled : undefined;
        return lastReplay(await findDeadLetter(bench.store, idOf(letter)), trail, { ...bench, handled: isHandled });
      };
      expect(await last()).to.equal(null);
      await replay({ to: 'shipping', vouch: true });
      expect(await last()).to.include({ who: 'ann', worker: 'shipping', queue: 'shipping', outcome: 'unknown' });
      expect(await last(false)).to.include({ outcome: 'not_handled' });
      expect(await last(true)).to.include({ outcome: 'handled' });
      const headers = { ...letter.properties.headers, [HEADERS.replays]: 1 };
      await keep({ ...letter, properties: { ...letter.properties, headers } });
      expect(await last(true)).to.include({ worker: 'shipping', outcome: 'dead_lettered_again' });
      await replay();
      expect(await last()).to.include({ worker: 'payment', outcome: 'unknown', deadLetteredAs: null });
      const next = '00000000-0000-7000-8000-000000000002';
      const again = { ...headers, [HEADERS.replays]: 2, [HEADERS.deadLetterId]: next };
      await keep({ ...letter, properties: { ...letter.properties, headers: again } });
      expect(await last()).to.include({ outcome: 'dead_lettered_again', deadLetteredAs: next });
    });

    it('stops after the current batch when it is interrupted', async () => {
      await keep(...Array.from({ length: 50 }, (_, n) => deadLetterMessage({ orderId: `o${n}` })));
      const stop = new AbortController();
      const { summary } = await replay({ signal: stop.signal, onResult: () => stop.abort() });
      expect(summary.sent).to.equal(20);
      expect((await replay()).summary.sent).to.equal(30);
    });
  });

  describe('edit', () => {
    it('sends a new valid event with the original as its cause, and with the original idempotency key', async () => {
      const letter = deadLetterMessage({ amount: -5, code: 'contract.invalid_data' });
      await keep(letter);
      const { event, key, warnings } = await editDeadLetter(bench.replayer, {
        id: idOf(letter),
        who: 'ann',
        set: ['data.amount=5'],
        signal,
      });
      expect(warnings).to.deep.equal([]);
      expect(key).to.equal(letter.event.id);
      const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
      const body = JSON.parse(Buffer.from(sent?.body ?? []).toString()) as EventEnvelope;
      expect(body).to.deep.include({
        id: event.id,
        causationid: letter.event.id,
        correlationid: letter.event.correlationid,
        subject: 'order/o1',
        data: { orderId: 'o1', amount: 5 },
      });
      expect(sent?.properties.headers).to.include({ [HEADERS.key]: letter.event.id, [HEADERS.replays]: 1 });
      expect(readAttempts(sent?.properties.headers ?? {})).to.have.length(2);
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({
        state: 'replayed',
        replacementId: event.id,
      });
      const actions = (await auditOf(bench.store.query, idOf(letter))).map(
        ({ action, detail }) => `${action} ${detail}`,
      );
      expect(actions[0]).to.equal(`edited ${event.id}: set data.amount`);
      expect(actions[1]).to.equal(`replayed as ${event.id}`);
    });

    it('rejects an invalid event, and changes nothing', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      for (const set of [
        ['data.amount=1.5'],
        ['data.more=1'],
        ['type=no.such'],
        ['data.__proto__.x=1'],
        ['id=5'],
        ['data'],
      ]) {
        const error: unknown = await editDeadLetter(bench.replayer, { id: idOf(letter), who: 'ann', set, signal }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error, set.join()).to.have.property('code');
      }
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({ state: 'dead', replacementId: null });
      expect(await waiting()).to.equal(0);
    });

    it('replaces a message that was not JSON, from a file', async () => {
      const letter = deadLetterMessage({ body: Buffer.from('{"half'), code: 'contract.not_json' });
      await keep(letter);
      const content = { orderId: 'o1', amount: 5 };
      const { event, sent } = await editDeadLetter(bench.replayer, { id: idOf(letter), who: 'ann', content, signal });
      expect(sent).to.equal(true);
      expect(event).to.deep.include({ type: 'payment.process', subject: 'order/o1', data: content });
    });

    it('warns where an attempt ended without a response', async () => {
      const letter = deadLetterMessage({ code: 'worker.timeout' });
      await keep(letter);
      const edit = (newKey: boolean) =>
        editDeadLetter(bench.replayer, { id: idOf(letter), who: 'ann', newKey, dryRun: true, signal });
      expect((await edit(false)).warnings[0]).to.contain('same idempotency key');
      const renewed = await edit(true);
      expect(renewed.warnings[0]).to.contain('a second time');
      expect(renewed.key).to.equal(renewed.event.id);
      expect(await stateOf(letter)).to.equal('dead');
    });
  });

  describe('discard', () => {
    it('requires a reason, appends an event, and excludes the dead letter from replays', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      const selection = { ids: [idOf(letter)] };
      const refused: unknown = await discardDeadLetters(bench.replayer, {
        selection,
        who: 'ann',
        reason: ' ',
        signal,
      }).catch((thrown: unknown) => thrown);
      expect(hasCode(refused, 'dead_letter.refused')).to.equal(true);
      expect(await discardDeadLetters(bench.replayer, { selection, who: 'ann', reason: 'a test', signal })).to.include({
        discarded: 1,
        skipped: 0,
      });
      expect(await discardDeadLetters(bench.replayer, { selection, who: 'ann', reason: 'again', signal })).to.include({
        discarded: 0,
        skipped: 1,
      });
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({ state: 'discarded', reason: 'a test' });
      const event = (await bench.store.read('order/o1')).at(-1)?.event;
      expect(event?.type).to.equal('message.discarded');
      expect(event?.data).to.include({ reason: 'a test' });
      expect((await replay()).summary.selected).to.equal(0);
    });

    it('stays in effect when the same message is dead-lettered again, which is recorded once', async () => {
      const letter = deadLetterMessage({ at: '2026-01-01T00:00:00.000Z' });
      await keep(letter);
      const selection = { ids: [idOf(letter)] };
      await discardDeadLetters(bench.replayer, { selection, who: 'ann', reason: 'a test', signal });
      await keep(letter);
      expect(await stateOf(letter)).to.equal('discarded');
      const at = new Date(Date.now() + 1000).toISOString();
      const headers = { ...letter.properties.headers, [HEADERS.deadAt]: at };
      const again = { ...letter, properties: { ...letter.properties, headers } };
      await keep(again, again);
      expect(await findDeadLetter(bench.store, idOf(letter))).to.include({ state: 'discarded', reason: 'a test' });
      const trail = await auditOf(bench.store.query, idOf(letter));
      expect(trail.map(({ action }) => action)).to.deep.equal(['discarded', 'returned']);
      expect((await bench.store.read('order/o1')).map(({ type }) => type)).to.deep.equal([
        'message.dead_lettered',
        'message.discarded',
      ]);
    });

    it('can be undone for seven days', async () => {
      const letter = deadLetterMessage();
      await keep(letter);
      const id = idOf(letter);
      await discardDeadLetters(bench.replayer, { selection: { ids: [id] }, who: 'ann', reason: 'a test', signal });
      const late = { store: bench.store, now: () => Date.now() + 8 * 86_400_000 };
      const refused: unknown = await undoDiscard(late, { id, who: 'bob' }).catch((thrown: unknown) => thrown);
      expect(hasCode(refused, 'dead_letter.refused')).to.equal(true);
      await undoDiscard(bench.replayer, { id, who: 'bob' });
      expect(await stateOf(letter)).to.equal('dead');
      expect((await bench.store.read('order/o1')).map(({ type }) => type)).to.deep.equal([
        'message.dead_lettered',
        'message.discarded',
        'message.dead_lettered',
      ]);
      expect((await auditOf(bench.store.query, id)).map(({ who, action }) => `${who} ${action}`)).to.deep.equal([
        'ann discarded',
        'bob restored',
      ]);
    });
  });
});

describe('concurrent replays', function () {
  this.timeout(120_000);
  let bench: DeadLetterFixture;
  let other: Store;
  beforeEach(async () => {
    bench = await openFixture('rabbitmq');
    other = await openSqliteStore({ service: 'ops', path: bench.path });
  });
  afterEach(async () => {
    await other.close();
    await bench.close();
  });

  const keepMany = async (...letters: DeadLetterMessage[]) => {
    await publishDeadLetters(bench, ...letters);
    await collectDeadLetters({ ...bench, definitions, workers: bench.workerNames, signal });
  };
  const all = { selection: { filter: {} }, who: 'ann', signal };
  /** A replayer that holds claimed messages until `go` is called. */
  const slowReplayer = () => {
    let go: () => void = () => undefined;
    let begin: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const broker: DeadLetterContext['broker'] = {
      queueDepth: (queue) => bench.broker.queueDepth(queue),
      createPublisher() {
        const publisher = bench.broker.createPublisher();
        return {
          state: 'ready',
          ready: (ready) => publisher.ready(ready),
          reset: () => publisher.reset(),
          close: () => publisher.close(),
          async publish(message) {
            begin();
            await gate;
            await publisher.publish(message);
          },
        };
      },
    };
    return { replayer: { ...bench.replayer, store: other, broker }, begun, go };
  };

  it('send each dead letter once, and count every selected one', async () => {
    const letters = Array.from({ length: 70 }, (_, n) => deadLetterMessage({ orderId: `o${n}` }));
    await keepMany(...letters);
    const summaries = await Promise.all([
      replayDeadLetters(bench.replayer, all),
      replayDeadLetters({ ...bench.replayer, store: other }, all),
    ]);
    for (const { selected, sent, refused, failed, skipped } of summaries) {
      expect(sent + refused + failed + skipped).to.equal(selected);
    }
    expect(summaries.reduce((sum, { sent }) => sum + sent, 0)).to.equal(70);
    expect(await takeMessages(bench.broker, bench.names.queue('payment'), 70)).to.have.length(70);
    expect((await bench.broker.queueDepth(bench.names.queue('payment')))?.ready).to.equal(0);
    expect((await listDeadLetters(bench.store, { states: ['replayed'] })).total).to.equal(70);
  });

  it('hold claims for a minute, also when the clock is set back by an hour', async () => {
    await keepMany(deadLetterMessage());
    const ids = (await listDeadLetters(bench.store)).items.map(({ id }) => id);
    const now = Date.now();
    const claimAt = async (at: number) => (await claimForReplay(bench.store, ids, { id: String(at), now: at })).length;
    expect(await claimAt(now)).to.equal(1);
    expect(await claimAt(now + CLAIM_TTL_MS - 1)).to.equal(0);
    expect(await claimAt(now - 3_600_000)).to.equal(1);
    expect(await claimAt(now - 3_599_000)).to.equal(0);
    expect(await claimAt(now - 3_600_000 + CLAIM_TTL_MS)).to.equal(1);
  });

  it('prevent edits, discards and replays of messages that are being sent', async () => {
    const letter = deadLetterMessage({ amount: 7 });
    await keepMany(letter);
    const id = (await listDeadLetters(bench.store)).items[0]?.id ?? '';
    const { replayer, begun, go } = slowReplayer();
    const running = replayDeadLetters(replayer, all);
    await begun;
    expect(await replayDeadLetters(bench.replayer, all)).to.include({ selected: 1, sent: 0, skipped: 1 });
    expect(await replayDeadLetters(bench.replayer, { ...all, dryRun: true })).to.include({ ready: 0, skipped: 1 });
    const discarding = { selection: { ids: [id] }, who: 'bob', reason: 'noise', signal };
    expect(await discardDeadLetters(bench.replayer, discarding)).to.include({ discarded: 0, skipped: 1 });
    const edited: unknown = await editDeadLetter(bench.replayer, {
      id,
      who: 'bob',
      set: ['data.amount=8'],
      signal,
    }).catch((thrown: unknown) => thrown);
    expect(hasCode(edited, 'dead_letter.busy')).to.equal(true);
    go();
    expect(await running).to.include({ sent: 1, skipped: 0 });
    const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
    expect(Buffer.from(sent?.body ?? [])).to.deep.equal(letter.body);
    expect(await findDeadLetter(bench.store, id)).to.include({ state: 'replayed', replacementId: null });
  });

  it('send the edited event if a dead letter is edited after their check', async () => {
    await keepMany(deadLetterMessage({ orderId: 'edited' }));
    const id = (await listDeadLetters(bench.store)).items[0]?.id ?? '';
    // the replay waits for this response while it checks the dead letter; meanwhile the edit is stored and cannot send
    const isClosed = async () => {
      const broker: DeadLetterContext['broker'] = {
        queueDepth: (queue) => bench.broker.queueDepth(queue),
        createPublisher: () => ({ ...slowReplayer().replayer.broker.createPublisher(), ready: async () => stopped() }),
      };
      const edit = { id, who: 'bob', set: ['data.amount=8'], signal };
      await editDeadLetter({ ...bench.replayer, store: other, broker }, edit).catch(() => undefined);
      return false;
    };
    expect((await replayDeadLetters({ ...bench.replayer, isClosed }, all)).sent).to.equal(1);
    const [sent] = await takeMessages(bench.broker, bench.names.queue('payment'), 1);
    const event = JSON.parse(Buffer.from(sent?.body ?? []).toString()) as EventEnvelope;
    expect(event.data).to.include({ amount: 8 });
    expect(await findDeadLetter(bench.store, id)).to.include({ state: 'replayed', replacementId: event.id });
  });
});

function stopped(): never {
  throw new Error('the broker went away');
}

describe('a replay that is killed', function () {
  this.timeout(90_000);

  it('between confirm and mark is repeated with the same message id', async () => {
    const bench = await openFixture('rabbitmq');
    try {
      const letter = deadLetterMessage();
      await publishDeadLetters(bench, letter);
      await collectDeadLetters({ ...bench, definitions, workers: bench.workerNames, signal });
      const child = fork(new URL('../fixtures/keeper-process.ts', import.meta.url), [
        'dead_letter.replayed',
        bench.path,
        bench.prefix,
        bench.amqpUrl,
      ]);
      const [, killed] = (await once(child, 'exit')) as [number | null, string | null];
      expect(killed).to.equal('SIGKILL');
      const killedAt = Date.now();
      expect((await listDeadLetters(bench.store)).items[0]?.state).to.equal('replaying');
      const replayAt = (now: number) =>
        replayDeadLetters({ ...bench.replayer, now: () => now }, { selection: { filter: {} }, who: 'ann', signal });
      expect(await replayAt(killedAt)).to.include({ selected: 1, sent: 0, skipped: 1 });
      expect((await replayAt(killedAt + CLAIM_TTL_MS + 1)).sent).to.equal(1);
      const sent = await takeMessages(bench.broker, bench.names.queue('payment'), 2);
      expect(sent.map(({ properties }) => properties.messageId)).to.deep.equal([letter.event.id, letter.event.id]);
      expect((await listDeadLetters(bench.store)).items[0]?.state).to.equal('replayed');
    } finally {
      await bench.close();
    }
  });
});
