import { installPackages } from './system-package.mjs';
import { SetupError } from './step.mjs';

/** Returns whether a RabbitMQ that can run as a private node is installed. Needs the compiled library. */
async function hasRabbit() {
  const { findRabbitmqServer } = await import('../dist/src/supervisor/broker/rabbitmq-node/install.js');
  return findRabbitmqServer(process.env.PATH) !== undefined;
}

/** Installs RabbitMQ if it is missing and the installation is allowed. Otherwise throws `SetupError` with
 *  instructions. */
export async function ensureRabbit(why) {
  if (await hasRabbit()) return;
  if ((await installPackages(['rabbitmq-server'], why)) && (await hasRabbit())) return;
  throw new SetupError(
    `${why}, but RabbitMQ is not installed on this machine. Set AMQP_URL, start Docker, or install RabbitMQ:\n` +
      `  Debian, Ubuntu   apt-get install rabbitmq-server   (as root; or run this again as root, FLOTILLA_INSTALL=always)\n` +
      `  macOS            brew install rabbitmq\n` +
      `  Windows          choco install rabbitmq`,
  );
}
