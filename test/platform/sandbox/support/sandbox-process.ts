import { startIn } from './start.js';

const { url, smtpUrl } = await startIn(process.argv[2] ?? '');
process.send?.({ url, smtpUrl });
process.once('disconnect', () => process.exit(0));
