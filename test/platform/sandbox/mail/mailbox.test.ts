import { expect } from 'chai';
import { createTransport } from 'nodemailer';
import { openDatabase } from '../../../../platform/sandbox/database.js';
import { createMailbox } from '../../../../platform/sandbox/mail/mailbox.js';
import type { Sandbox } from '../../../../platform/sandbox/sandbox.js';
import { send, temporaryDirectory, type SandboxDirectory } from '../support/start.js';

describe('sandbox: the mailbox', () => {
  let directory: SandboxDirectory;
  let sandbox: Sandbox;
  const mail = (over: object = {}) => ({
    from: 'Shop <shop@example.com>',
    to: 'ada@example.com',
    subject: 'Grüße',
    text: 'Your order is on its way.',
    messageId: '<m1@flotilla>',
    ...over,
  });
  const deliver = async (...mails: object[]) => {
    const transport = createTransport(`${sandbox.smtpUrl}?pool=true`);
    try {
      for (const each of mails) await transport.sendMail(each);
    } finally {
      transport.close();
    }
  };
  const list = async (query = '') => (await send(`${sandbox.url}/mailbox${query}`, 'GET')).body.items;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    sandbox = await directory.start();
  });
  afterEach(() => directory.remove());

  it('shows a mail received over SMTP', async () => {
    await deliver(mail());
    const [item] = await list();
    expect(item).to.include({
      messageId: '<m1@flotilla>',
      from: 'shop@example.com',
      to: 'ada@example.com',
      subject: 'Grüße',
      deliveries: 1,
    });
    expect(item?.text).to.include('on its way');
  });

  it('stores a mail with a known Message-ID once, and counts its deliveries', async () => {
    await deliver(mail(), mail(), mail({ messageId: '<m2@flotilla>' }));
    expect((await list()).map(({ messageId, deliveries }) => [messageId, deliveries])).to.deep.equal([
      ['<m2@flotilla>', 1],
      ['<m1@flotilla>', 2],
    ]);
  });

  it('finds mails by recipient, including blind copies, and can be emptied', async () => {
    await deliver(mail({ bcc: 'audit@example.com' }), mail({ to: 'Bob@Example.com', messageId: '<m2@flotilla>' }));
    expect((await list('?to=bob@example.com')).map(({ messageId }) => messageId)).to.deep.equal(['<m2@flotilla>']);
    expect((await list('?to=audit@example.com')).map(({ messageId }) => messageId)).to.deep.equal(['<m1@flotilla>']);
    expect(await list('?to=nobody@example.com')).to.be.empty;
    expect(await list('?limit=1')).to.have.length(1);
    expect((await send(`${sandbox.url}/mailbox`, 'DELETE')).body).to.deep.equal({ deleted: 2 });
    expect(await list()).to.be.empty;
  });

  it('rejects a mail that is too large and continues', async () => {
    const refused = await deliver(mail({ text: `${'x'.repeat(70)}\n`.repeat(20_000) })).catch(
      (error: unknown) => error,
    );
    expect(refused).to.have.property('responseCode', 552);
    await deliver(mail());
    expect(await list()).to.have.length(1);
  });

  it('keeps the latest 1,000 mails', async () => {
    const db = openDatabase(directory.path);
    const mailbox = createMailbox(db);
    const received = { from: 'shop@example.com', recipients: ['ada@example.com'], subject: 'S', text: 'T' };
    db.transaction(() => {
      for (let i = 0; i < 1303; i++) mailbox.keep({ ...received, messageId: `<m${i}@flotilla>` });
    })();
    const stored = db.prepare('SELECT count(*) FROM mails').pluck().get();
    db.close();
    expect(stored).to.be.below(1_100);
    const ids = (await list()).map(({ messageId }) => messageId);
    expect(ids).to.have.length(1000);
    expect([ids[0], ids.at(-1)]).to.deep.equal(['<m1302@flotilla>', '<m303@flotilla>']);
  });
});
