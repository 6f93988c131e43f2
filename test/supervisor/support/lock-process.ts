// Locks a directory and prints whether it could: `lock-process.ts <directory> exclusive|shared [hold]`.
import { lockData } from '../../../src/supervisor/data-directory/data-lock.js';

const [directory = '', kind, hold] = process.argv.slice(2);
const lock = lockData(directory, 'supervisor', kind === 'shared' ? 'shared' : 'exclusive');
process.stdout.write(lock === undefined ? 'refused' : 'locked');
if (hold === undefined) lock?.release();
else {
  process.send?.('done');
  process.on('disconnect', () => lock?.release());
}
