import { installPackages } from './system-package.mjs';
import { SetupError } from './step.mjs';

/** Whether a RabbitMQ that can run as a private node is installed. Needs the compiled library. */
async function hasRabbit() {
  const { findRabbitmqServer } = await import('../dist/src/supervisor/broker/rabbitmq-node/install.js');
  return findRabbitmqServer(process.env.PATH) !== undefined;
}

/** Installs RabbitMQ where it is missing and may be installed. Throws `SetupError` that says what to do by hand. */
export async function ensureRabbit(why) {
  if (await hasRabbit()) return;
  if ((await installPackages(['rabbitmq-server'], why)) && (await hasRabbit())) return;
  throw new SetupError(
    `${why}, and there is none on this machine. Set AMQP_URL to one that runs, start Docker, or install it:\n` +
      `  Debian, Ubuntu   apt-get install rabbitmq-server   (as root; or run this again as root, FLOTILLA_INSTALL=always)\n` +
      `  macOS            brew install rabbitmq\n` +
      `  Windows          choco install rabbitmq`,
  );
}
