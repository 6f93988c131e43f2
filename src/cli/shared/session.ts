import { userInfo } from 'node:os';
import { FleetSession } from '../../runtime/operator/fleet-session.js';
import type { OperatorPlace } from '../../runtime/operator/operator-broker.js';
import { silentLogger } from '../../telemetry/logger.js';
import type { Context } from './context.js';

/** Returns the configuration of an operator's command. Its connections log only at the level `debug`. */
export function operatorPlace(context: Context): OperatorPlace {
  const { config, cwd, signal } = context;
  const logger = config.logLevel === 'debug' ? context.logger() : silentLogger();
  return { config, cwd, signal, logger, notify: (line) => context.say(line) };
}

/** Runs `work` with a session on the fleet of the command, and closes it afterwards. */
export async function withSession<T>(context: Context, work: (session: FleetSession) => Promise<T>): Promise<T> {
  const session = new FleetSession(await context.fleet(), operatorPlace(context));
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Returns the name of the user, for the audit. */
export function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // in a container, the user may have no name
  }
}
