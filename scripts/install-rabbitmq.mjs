import { ensureRabbit } from './rabbitmq.mjs';
import { exitWith } from './step.mjs';

// A separate process of `flotilla up`, because it waits for apt-get and for input on the terminal.
process.umask(0o022); // all users can read the installed files
try {
  await ensureRabbit('The fleet needs RabbitMQ');
} catch (error) {
  exitWith(error);
}
