// Replaces a process of a fleet: reports that it is ready, and records when it starts and ends.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const name = process.argv.slice(2).join(' ');
const note = (what) => appendFileSync(process.env.FAKE_LOG, `${what} ${name}\n`);
const end = (why) => {
  note(why);
  process.exit(0);
};

if (process.env.FAKE_WRONG_USE === name) {
  process.exit(2);
}
if (process.env.FAKE_FATAL === name) {
  process.send({ type: 'fatal', code: 'store.missing', detail: 'payment, payment.db' }, () => process.exit(1));
}
if (process.env.FAKE_FAILPOINT_SHOWN === name) note(`failpoint=${process.env.FLOTILLA_FAILPOINT ?? ''}`);

process.on('SIGTERM', () => {
  if (process.env.FAKE_STUBBORN !== name) end('stopped');
});
process.on('SIGINT', () => note('interrupted'));
process.on('disconnect', () => {
  if (process.env.FAKE_DEAF !== name) end('orphaned');
});
const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1', () => {
  note('started');
  const port = process.env.FAKE_ANSWERS === undefined ? 1 : server.address().port;
  process.send?.({ type: 'ready', url: `http://127.0.0.1:${port}` });
});
