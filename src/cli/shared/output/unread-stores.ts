import { describeUnread } from '../../../runtime/stores/existing-stores.js';
import type { Context } from '../context.js';
import { CommandFailed } from '../failure.js';

/** Prints the stores that a command could not check before it acted. */
export function reportUnchecked(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not checked against the stores of other machines: ${describeUnread(context, unread)}.`);
}

/** Throws `CommandFailed` if the printed result lacks the services in `unread`. */
export function requireAllRead(context: Pick<Context, 'config' | 'say'>, unread: readonly string[]): void {
  if (unread.length === 0) return;
  context.say(`Not read: ${describeUnread(context, unread)}. Run this on the machine of the store.`);
  throw new CommandFailed('not everything was read');
}
