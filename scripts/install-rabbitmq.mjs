import { ensureRabbit } from './rabbitmq.mjs';
import { exitWith } from './step.mjs';

// Run by `flotilla up` as a process of its own: asking on a terminal and apt-get are nothing for a fleet's process.
process.umask(0o022); // what is installed is for everybody
try {
  await ensureRabbit('The fleet needs RabbitMQ');
} catch (error) {
  exitWith(error);
}
