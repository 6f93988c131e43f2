import { expect } from 'chai';
import { PermanentError } from 'flotilla';
import { harness, type TestEvent } from 'flotilla/testing';
import type { Data } from '../../../platform/catalogue.js';
import email from '../../../workers/email/index.js';
import type { Mailer, Recipient } from '../../../workers/email/mailer.js';
import type { Mail } from '../../../workers/email/templates.js';
import { about, ada as user, details, orderId } from '../../platform/support/events.js';
import { testFleet } from '../../support/test-fleet.js';

const ada: TestEvent = { type: 'user.created', data: user, subject: 'user/u1' };
const sendWelcome: TestEvent = { type: 'email.send_welcome', data: { userId: 'u1' }, subject: 'user/u1' };
const changed = (status: Data<'order.status_changed'>['status'], more: Partial<Data<'order.status_changed'>> = {}) =>
  about('order.status_changed', { orderId, userId: 'u1', status, previous: 'pending', ...more });

function fakeMailer(fail?: Error) {
  const mails: (Mail & { to: Recipient; messageId: string })[] = [];
  const mailer: Mailer = {
    send: (to, mail, messageId) => {
      if (fail !== undefined) return Promise.reject(fail);
      mails.push({ ...mail, to, messageId });
      return Promise.resolve();
    },
    close: () => undefined,
  };
  return { mails, use: { mailer } };
}

const replayHeaders = { 'flotilla-replay': 'r1' };

describe('worker email', () => {
  it('welcomes a user, with a Message-ID derived from the event', async () => {
    const { use, mails } = fakeMailer();
    const messageId = '<event-1@flotilla.local>';
    await harness(email, { use })
      .given(ada)
      .when({ ...sendWelcome, id: 'event-1' })
      .emits({
        type: 'email.sent',
        subject: 'user/u1',
        data: { messageId, to: 'ada@example.org', template: 'welcome', userId: 'u1' },
      });
    expect(mails).to.have.length(1);
    expect(mails[0]).to.deep.include({ messageId, to: { name: 'Ada', email: 'ada@example.org' } });
  });

  it('stores a user without sending a mail', async () => {
    const { use, mails } = fakeMailer();
    await harness(email, { use })
      .when(ada)
      .emits({ type: 'email.send_welcome', subject: 'user/u1', data: { userId: 'u1' } });
    expect(mails).to.deep.equal([]);
  });

  it('confirms an order with its items and its formatted total', async () => {
    const { use, mails } = fakeMailer();
    const total = 123_450;
    await harness(email, { use })
      .given(ada)
      .when(about('order.created', { orderId, ...details, total }))
      .result();
    expect(mails[0]?.text).to.contain('2 x item_1 at $5.00').and.to.contain('Total: $1,234.50');
    await harness(email, { use })
      .given(ada)
      .when(about('order.created', { orderId, ...details, total, currency: 'JPY' }))
      .result();
    expect(mails[1]?.text).to.contain('Total: ¥123,450');
  });

  it('announces the shipment with its tracking number and delivery date', async () => {
    const { use, mails } = fakeMailer();
    const shipped = changed('shipped', { trackingNumber: 'T1', estimatedDelivery: '2030-01-01' });
    const { emitted } = await harness(email, { use }).given(ada).when(shipped).result();
    expect(mails[0]?.text).to.contain('T1').and.to.contain('2030-01-01');
    expect(emitted.map(({ subject }) => subject)).to.deep.equal(['order/o1']);
  });

  it('announces each status once, and none that only operators can resolve', async () => {
    const { use, mails } = fakeMailer();
    await harness(email, { use }).given(ada, changed('stuck'), changed('pending')).when(changed('paid')).result();
    expect(mails.map(({ subject }) => subject)).to.deep.equal(['Your order o1: paid']);
    await harness(email, { use })
      .given(ada, changed('paid'))
      .when(changed('paid', { previous: 'stuck' }))
      .emits();
  });

  it('mails a user who wants no changes of status only the welcome and confirmations', async () => {
    const { use, mails } = fakeMailer();
    const silent: TestEvent = { ...ada, data: { ...user, preferences: { statusEmails: false } } };
    await harness(email, { use })
      .given(silent, sendWelcome, about('order.created', { orderId, ...details }))
      .when(changed('paid'))
      .emits();
    expect(mails.map(({ template }) => template)).to.deep.equal(['welcome', 'order_confirmation']);
  });

  it('sends one mail and reports it once when two events with one status are handled concurrently', async function () {
    this.timeout(60_000);
    const { use, mails } = fakeMailer();
    let bothSent: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (bothSent = resolve));
    const send: Mailer['send'] = async (...mail) => {
      await use.mailer.send(...mail);
      if (mails.length === 2) bothSent();
      await both; // each handler has checked the status before the other one commits
    };
    const fleet = await testFleet(email, {
      use: { mailer: { ...use.mailer, send } },
      settings: { smtpUrl: 'smtp://127.0.0.1:1' },
    });
    try {
      const paid = { orderId, userId: 'u1', status: 'paid' };
      await fleet.send(fleet.event('user.created', ada.data));
      await fleet.until((seen) => seen.length === 1);
      const previous = ['pending', 'stuck'];
      await fleet.send(...previous.map((status) => fleet.event('order.status_changed', { ...paid, previous: status })));
      await fleet.until((seen) => seen.length === 3);
      expect(new Set(mails.map(({ messageId }) => messageId))).to.deep.equal(new Set(['<o1-paid@flotilla.local>']));
      const reported = (await fleet.store.readAll(0)).filter(({ event }) => event.type === 'email.sent');
      expect(reported).to.have.length(1);
    } finally {
      await fleet.stop();
    }
  });

  it('retries an order of a user that it does not know yet', async () => {
    const { use } = fakeMailer();
    await harness(email, { use })
      .when(about('order.created', { orderId, ...details }))
      .retries('worker.handler_failed');
  });

  it('sends no mail while history is replayed, but records the announced statuses', async () => {
    const { use, mails } = fakeMailer();
    const replayed = harness(email, { use, headers: replayHeaders });
    await replayed
      .given(ada, changed('paid'))
      .when(about('order.created', { orderId, ...details }))
      .emits();
    expect(mails).to.deep.equal([]);
    await replayed
      .given(ada)
      .when(changed('paid'))
      .result(async (store) => {
        expect(await store.query`select id from users`).to.deep.equal([{ id: 'u1' }]);
        expect(await store.query`select status from told`).to.deep.equal([{ status: 'paid' }]);
      });
  });

  it('sends all mails again on a replay with side effects, each with its original Message-ID', async () => {
    const { use, mails } = fakeMailer();
    const headers = { ...replayHeaders, 'flotilla-replay-side-effects': true };
    const created = { ...about('order.created', { orderId, ...details }), id: 'event-2' };
    await harness(email, { use, headers })
      .given(ada, { ...sendWelcome, id: 'event-1' }, created, { ...changed('paid'), id: 'event-3' })
      .when({ ...changed('paid', { previous: 'stuck' }), id: 'event-4' })
      .result();
    expect(mails.map(({ messageId }) => messageId)).to.deep.equal(
      ['event-1', 'event-2', 'o1-paid', 'o1-paid'].map((id) => `<${id}@flotilla.local>`),
    );
  });

  it('retries while there is no mail server, and dead-letters a mail that is rejected permanently', async () => {
    const busy = Object.assign(new Error('4.3.2 try later'), { code: 'EENVELOPE', responseCode: 451 });
    await harness(email, { use: fakeMailer(busy).use })
      .given(ada)
      .when(sendWelcome)
      .retries('worker.unavailable');
    const refused = new PermanentError('email.refused', '550 no such user');
    await harness(email, { use: fakeMailer(refused).use })
      .given(ada)
      .when(sendWelcome)
      .deadLetters('email.refused');
  });
});
