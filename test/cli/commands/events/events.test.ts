import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { baseCatalogue, catalogue } from '../../../../src/fleet/catalogue.js';
import * as events from '../../../../src/cli/commands/events/index.js';
import { createEvent, originContext } from '../../../../src/events/create.js';
import { event } from '../../../../src/events/definition.js';
import { pii } from '../../../../src/events/personal.js';
import type { UnsequencedEvent } from '../../../../src/events/envelope.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { defineJournal } from '../../../../src/journal/define-journal.js';
import { migrateJournal } from '../../../../src/journal/migrations.js';
import { insertRecords, recordOfStored } from '../../../../src/journal/rows.js';
import { openSqliteStore } from '../../../../src/store/sqlite/index.js';
import { runCommand } from '../../../support/command.js';

const types = catalogue(baseCatalogue, {
  'user.created': event({ 1: z.strictObject({ name: pii(z.string()), plan: z.string() }) }),
  'mail.sent': event(
    {
      1: z.strictObject({ address: z.string() }),
      2: z.strictObject({ recipients: z.array(z.strictObject({ address: pii(z.string()) })) }),
    },
    { 1: ({ address }) => ({ recipients: [{ address }] }) },
  ),
});
const fleet = defineFleet({
  catalogue: types,
  workers: [
    types.defineWorker({ name: 'mail', on: { 'user.created': () => undefined } }),
    defineJournal({ name: 'journal' }),
  ],
  api: { store: 'core', routes: [] },
});
const START = Date.UTC(2026, 0, 1);

describe('flotilla events', () => {
  let folder: string;
  let made: UnsequencedEvent[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-events-'));
    made = [];
    // one event per minute, alternating between two services
    for (const service of ['core', 'mail', 'ops']) {
      const store = await openSqliteStore({ service, path: join(folder, `${service}.db`) });
      for (let n = service === 'core' ? 0 : 1; service !== 'ops' && n < 10; n += 2) {
        const subject = `user/${n}`;
        const context = {
          ...originContext({ source: service, subject }),
          time: new Date(START + n * 60_000).toISOString(),
        };
        const said =
          service === 'core'
            ? createEvent(types.definitions, 'user.created', { name: 'Ada Secret', plan: 'free' }, context)
            : createEvent(types.definitions, 'mail.sent', { recipients: [{ address: 'ada@secret' }] }, context);
        made[n] = said;
        await store.append(subject, 'any', [said]);
      }
      await store.close();
    }
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    runCommand({ modules: [events], fleet, env: { DATA_DIR: folder }, cwd: folder }, ['events', ...args]);
  const list = async (...args: string[]) => {
    const { out } = await run('list', ...args, '--json');
    const { items, total } = JSON.parse(out) as { items: { id: string; subject: string }[]; total: number };
    return { subjects: items.map(({ subject }) => subject), total };
  };
  /** Copies all stored events into a journal. */
  const keepJournal = async () => {
    const journal = await openSqliteStore({ service: 'journal', path: join(folder, 'journal.db') });
    await migrateJournal(journal);
    for (const service of ['core', 'mail']) {
      const store = await openSqliteStore({ service, path: join(folder, `${service}.db`) });
      const records = (await store.readAll(0)).map((stored) => ({
        ...recordOfStored(stored),
        offset: stored.position,
      }));
      await journal.transaction(({ sql }) => insertRecords(sql, records));
      await store.close();
    }
    await journal.close();
  };

  for (const where of ['the journal', 'the stores of the services, without a journal']) {
    describe(`in ${where}`, () => {
      beforeEach(async () => {
        if (where === 'the journal') await keepJournal();
      });

      it('list prints the matching events, newest first, and their number', async () => {
        expect(await list()).to.deep.equal({
          subjects: [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => `user/${n}`),
          total: 10,
        });
        expect(await list('--limit', '2')).to.deep.equal({ subjects: ['user/9', 'user/8'], total: 10 });
        expect((await list('--type', 'user.*')).total).to.equal(5);
        expect((await list('--type', 'user.created', '--type', 'mail.*')).total).to.equal(10);
        expect((await list('--source', 'mail')).subjects[0]).to.equal('user/9');
        expect((await list('--subject', 'user/4')).subjects).to.deep.equal(['user/4']);
        expect((await list('--correlation', made[3]?.correlationid ?? '')).subjects).to.deep.equal(['user/3']);
        const range = ['--since', '2026-01-01T00:02:00Z', '--until', '2026-01-01T00:04:00Z'];
        expect((await list(...range)).subjects).to.deep.equal(['user/3', 'user/2']);
        expect(await list('--type', 'saga.*')).to.deep.equal({ subjects: [], total: 0 });
      });

      it('list prints its source and the time of the newest event; the table contains no data', async () => {
        const { out, said, code } = await run('list', '--limit', '3');
        expect(code).to.equal(0);
        expect(said)
          .to.contain(
            where === 'the journal'
              ? 'From the journal'
              : 'From the stores of core, mail, ops (no journal on this machine)',
          )
          .and.contain('2026-01-01T00:09:00.000Z')
          .and.contain('3 of 10');
        expect(out)
          .to.match(/mail\.sent +user\/9 +mail +/)
          .and.not.contain('secret');
      });

      it('hides personal data of every version unless requested', async () => {
        const json = await run('list', '--json');
        expect(json.out)
          .to.contain('free')
          .and.not.match(/secret/i);
        const id = made[8]?.id ?? '';
        const shown = await run('show', id);
        expect(shown.code).to.equal(0);
        expect(shown.out)
          .to.contain('user.created of user/8, emitted by core')
          .and.contain('"plan": "free"')
          .and.contain('version     1');
        expect(shown.out).not.to.contain('Ada');
        expect((await run('show', id, '--pii')).out).to.contain('Ada Secret');
        expect((await run('show', made[9]?.id ?? '')).out).not.to.contain('ada@');
        const { event: envelope, ...place } = JSON.parse((await run('show', id, '--pii', '--json')).out) as {
          event: UnsequencedEvent;
        };
        expect(envelope).to.deep.equal({ ...made[8], sequence: '1' });
        expect(place).to.deep.include({ source: 'core', subject: 'user/8', version: 1 });
      });

      it('show accepts a unique prefix of an id', async () => {
        const { id = '' } = made[0] ?? {};
        const others = made.slice(1).map((other) => other.id);
        const length = [...id].findIndex((_, at) => !others.some((other) => other.startsWith(id.slice(0, at + 1))));
        expect((await run('show', id.slice(0, length + 1))).out).to.contain(id);
        const several = await run('show', id.slice(0, 2));
        expect(several.code).to.equal(1);
        expect(several.said).to.contain('several ids begin with');
        expect((await run('show', 'no-such')).code).to.equal(1);
      });
    });
  }

  it('hides all data of an unknown type, and personal data of an earlier version', async () => {
    await keepJournal();
    const journal = await openSqliteStore({ service: 'journal', path: join(folder, 'journal.db') });
    const put = (id: string, type: string, body: object) =>
      journal.transaction(({ sql }) =>
        insertRecords(sql, [
          {
            source: 'core',
            id,
            type,
            subject: 'user/0',
            correlationId: 'c',
            time: START,
            offset: 1,
            body: JSON.stringify(body),
          },
        ]),
      );
    await put('unknown-1', 'nobody.knows', { ...made[0], type: 'nobody.knows', data: { name: 'Ada Secret' } });
    const earlier = { type: 'mail.sent', dataschema: 'urn:flotilla:mail.sent:1', data: { address: 'ada@secret' } };
    await put('earlier-1', 'mail.sent', { ...made[1], ...earlier });
    await journal.close();
    expect((await run('list', '--type', 'nobody.*')).out).to.contain('unknown-1');
    expect((await run('show', 'unknown-1')).out).not.to.contain('Ada');
    expect((await run('show', 'unknown-1', '--pii')).out).to.contain('Ada Secret');
    const shown = (await run('show', 'earlier-1')).out;
    expect(shown).to.contain('"address": "••••').and.not.contain('ada@');
  });

  it('list reports stores that are missing or empty', async () => {
    await rm(folder, { recursive: true });
    const missing = await run('list');
    expect(missing.said).to.match(/^This machine has neither a journal nor a store of the fleet\.$/m);
    expect(missing.said).to.match(/^Not read: .*core/m);
    expect(missing).to.include({ out: '', code: 1 });
    for (const service of ['core', 'mail', 'ops']) {
      await (await openSqliteStore({ service, path: join(folder, `${service}.db`) })).close();
    }
    const empty = await run('list');
    expect(empty.said).to.contain(
      'From the stores of core, mail, ops (no journal on this machine); there are no events yet',
    );
    expect(empty.code).to.equal(0);
  });

  it('exits with 2 on wrong usage', async () => {
    for (const args of [
      ['list', '--since', '2026-01-02', '--until', '2026-01-01'],
      ['list', '--since', '2026-01-02', '--until', '2026-01-02'],
      ['list', '--since', 'once'],
      ['list', '--limit', '0'],
      ['show', ''],
      ['show'],
    ]) {
      expect((await run(...args)).code, args.join(' ')).to.equal(2);
    }
  });
});
