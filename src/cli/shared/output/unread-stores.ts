import { databaseUrlFor } from '../../../config/load-config.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../failure.js';

/** Which services were not read, and why: `order-saga (data/order-saga.db does not exist here)`. */
export function describeUnread({ config }: Pick<Context, 'config'>, unread: readonly string[]): string {
  const files = unread.map((service) => databaseUrlFor(config, service).replace(/^sqlite:/, ''));
  return `${unread.join(', ')} (${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not exist here)`;
}

/** Prints, after a command has acted, which stores it could not ask before. */
export function reportUnchecked(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not checked against the stores of other machines: ${describeUnread(context, unread)}.`);
}

/** Fails a command that has printed a result without the services in `unread`. */
export function requireAllRead(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not read: ${describeUnread(context, unread)}. Run this on the machine of the store.`);
  throw new CommandFailed('not everything was read');
}
