import { ensureRabbit } from './rabbitmq.mjs';
import { exitWith } from './step.mjs';

// Run by `flotilla up` as a process of its own: asking on a terminal and apt-get are nothing for a fleet's process.
try {
  await ensureRabbit('The fleet needs RabbitMQ');
} catch (error) {
  exitWith(error);
}
