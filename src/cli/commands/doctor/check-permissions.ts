import { addressesOf, credentialsOf } from '../../../broker/rabbitmq/connection/addresses.js';
import type { GrantedPermissions } from '../../../broker/rabbitmq/management/management.js';
import { namesFor } from '../../../broker/topology/topology.js';
import { missingPermissions } from '../../../broker/users/missing-permissions.js';
import { allNeeds, type NeededAccess } from '../../../broker/users/permissions.js';
import { FlotillaError, messageOf, withRemedy } from '../../../errors.js';
import { brokerAddress } from '../../../runtime/broker/broker-address.js';
import type { Context } from '../../shared/context.js';
import { fleetUsers, userNamesOf } from '../topology/fleet-users.js';
import { answeringManagement } from './check-management.js';
import type { Finding } from './finding.js';

/** Compares the permissions of the fleet's AMQP users with what `topology permissions` prints for them: of the user of
 *  this environment, and of those of the services that exist in the broker. */
export async function checkPermissions(context: Context): Promise<Finding[]> {
  const management = await answeringManagement(context);
  if (management === undefined) return [];
  let permissions: GrantedPermissions[];
  try {
    permissions = await management.permissions();
  } catch (error) {
    const detail = `not checked: ${messageOf(error)}; only a user with the tag administrator may read permissions`;
    return [{ ok: true, detail }];
  }
  const granted = new Map(permissions.map((each) => [each.user, each]));
  const { amqpUrl } = await brokerAddress(context);
  const connecting = [...new Set(addressesOf(amqpUrl).map((url) => credentialsOf(url).user))];
  const wanted = await wantedUsers(context, connecting);
  const findings = wanted.flatMap(({ user, needs }): Finding[] => {
    const found = granted.get(user);
    const missing = found === undefined ? [] : missingPermissions(needs, found);
    if (missing.length === 0) return [];
    const detail = `user ${JSON.stringify(user)} may not ${missing.join('; ')}`;
    const level = connecting.includes(user) ? { ok: false } : { ok: true, warning: true };
    return [{ ...level, detail: withRemedy(new FlotillaError('broker.not_permitted', detail)) }];
  });
  if (findings.length > 0) return findings;
  // users of another authentication backend, such as LDAP, are not in this list
  const known = wanted.filter(({ user }) => granted.has(user)).map(({ user }) => user);
  const unknown = connecting.filter((user) => !granted.has(user));
  if (unknown.length > 0) {
    return [{ ok: true, detail: `not checked: RabbitMQ lists no permissions of ${unknown.join(', ')}` }];
  }
  return [{ ok: true, detail: `sufficient: those of ${[...new Set(known)].join(', ')}` }];
}

/** The users of the fleet with what they need. A user that is none of a service is one for all of them. */
async function wantedUsers(
  context: Context,
  connecting: readonly string[],
): Promise<{ user: string; needs: NeededAccess }[]> {
  const { prefix, amqpUsers } = context.config;
  const users = fleetUsers(await context.fleet(), prefix);
  const ofFleet = users.flatMap((each) => userNamesOf(each, amqpUsers).map((user) => ({ user, needs: each.needs })));
  const services = users.filter(({ service }) => service !== null);
  const shared = connecting
    .filter((user) => !ofFleet.some((each) => each.user === user))
    .map((user) => ({ user, needs: allNeeds(services, namesFor(prefix)) }));
  return [...shared, ...ofFleet];
}
