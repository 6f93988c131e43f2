// Runs `up` in a separate process, which a test can kill: `run-up.ts <directory> [private]`.
import { FakeFleet } from './fake-fleet.js';

const [directory, broker] = process.argv.slice(2);
if (directory === undefined) throw new Error('run-up needs a directory');
const fleet = FakeFleet.in(directory);
const env = process.env.FAKE_DEAF === undefined ? {} : { FAKE_DEAF: process.env.FAKE_DEAF };
await fleet.run({ onReady: () => process.send?.('running'), env, ...(broker === 'private' && { amqp: undefined }) });
