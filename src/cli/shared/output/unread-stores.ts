import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../failure.js';

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
