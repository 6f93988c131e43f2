import type { GrantedPermissions } from '../rabbitmq/management/management.js';
import type { NeededAccess } from './permissions.js';

const MAX_NAMED = 3;

/** Returns what the permissions do not allow and the user needs: `write events, payment.failed and 2 more`. Decides by
 *  the names that it needs, so that wider permissions suffice. */
export function missingPermissions(
  { configure, write, read, publishes: { exchange, types } }: NeededAccess,
  granted: Omit<GrantedPermissions, 'user'>,
): string[] {
  const topics = granted.topics.filter((topic) => topic.exchange === exchange);
  const publish = types.filter((type) => !topics.every((topic) => matches(topic.write, type)));
  return [
    ...listed('configure', unmatched(granted.configure, configure)),
    ...listed('write', unmatched(granted.write, write)),
    ...listed('read', unmatched(granted.read, read)),
    ...listed(`publish to ${exchange}`, publish),
  ];
}

function unmatched(pattern: string, names: readonly string[]): string[] {
  return names.filter((name) => !matches(pattern, name));
}

/** RabbitMQ takes an empty pattern as one that matches nothing. A pattern that JavaScript does not accept is taken as
 *  sufficient: it cannot be checked here. */
function matches(pattern: string, name: string): boolean {
  if (pattern === '') return false;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    return true;
  }
}

function listed(action: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return [`${action} ${names.slice(0, MAX_NAMED).join(', ')}${more}`];
}
