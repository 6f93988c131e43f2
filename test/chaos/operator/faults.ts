import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { manage } from '../../support/management.js';
import { eventually } from '../../support/eventually.js';
import type { FaultName } from '../../docs/support/faults.js';
import { setOutage } from '../support/outages.js';
import { publishRaw } from '../support/raw-publisher.js';
import { fill } from '../scenarios/full-disk.js';
import { tableOf, type OperatedFleet } from './operated-fleet.js';

/** A part of a remedy: a command of the section that begins with `command`, a block that begins with `block`, or `words`
 *  that the operator follows. */
export type Step =
  { command: string } | { block: string } | { words: string; done?: (fleet: OperatedFleet) => Promise<unknown> };

export interface Fault {
  /** Takes seconds, and needs no broker of its own. */
  isCheap?: boolean;
  /** Causes the fault. Resolves with how its cause is removed. */
  inject: (fleet: OperatedFleet) => Promise<(() => Promise<unknown>) | void>;
  /** The values of `<placeholders>`, as the operator finds them. */
  values?: (fleet: OperatedFleet) => Promise<Readonly<Record<string, string>>>;
  /** The remedy for this cause. In `words` without `done`, the operator removes the cause. */
  remedy: readonly Step[];
}

export const faults: Readonly<Record<FaultName, Fault>> = {
  'broker down': {
    // its process runs and does not answer; `up` would restart a process that has ended
    inject: async (fleet) => void (await succeed(fleet, 'rabbitmqctl stop_app')),
    remedy: [{ command: 'kill -KILL $(cat ' }],
  },
  'wrong password': {
    inject: async (fleet) => {
      await succeed(fleet, 'rabbitmqctl change_password guest changed');
      await succeed(fleet, 'rabbitmqctl close_all_connections changed');
    },
    values: async () => ({ user: 'guest', password: 'guest' }),
    remedy: [{ command: 'rabbitmqctl change_password <user>' }],
  },
  'full disk': {
    inject: async (fleet) => {
      const filler = join(fleet.folder, 'data', 'filler');
      await fill(filler, join(fleet.folder, 'data'));
      await eventually('an order is refused', async () => {
        const { body } = await fleet.customers.orderOnce('tok_ok', ['item_1']);
        return body.code === 'store.full';
      });
      return () => rm(filler);
    },
    remedy: [{ words: 'free space' }],
  },
  'open circuit breaker': {
    isCheap: true,
    inject: async (fleet) => {
      await setOutage(fleet.fleet, 'gateway', true);
      await Promise.all(Array.from({ length: 8 }, () => fleet.customers.order('tok_ok', ['item_1'], { quantity: 1 })));
      return () => setOutage(fleet.fleet, 'gateway', false);
    },
    remedy: [{ words: 'Repair the dependency' }],
  },
  'stuck saga': {
    // the gateway is down, and its commands are discarded: first the charge, then the refund
    inject: async (fleet) => {
      await setOutage(fleet.fleet, 'gateway', true);
      await fleet.customers.order('tok_ok', ['item_1'], { quantity: 1 });
      for (const type of ['payment.process', 'payment.refund']) {
        await eventually(`${type} is discarded`, async () => {
          const { output } = await fleet.shell(`flotilla dead discard --type ${type} --reason test`);
          return output.includes('Discarded 1');
        });
      }
      return () => setOutage(fleet.fleet, 'gateway', false);
    },
    values: async (fleet) => ({ id: await firstId(fleet, 'flotilla sagas list --status failed', 'SAGA') }),
    remedy: [{ words: 'Remove the cause first' }, { command: 'flotilla sagas retry <id>' }],
  },
  'poison message': {
    isCheap: true,
    inject: async (fleet) => {
      const { amqpUrl } = await fleet.state();
      const options = { contentType: 'application/cloudevents+json' };
      await publishRaw(amqpUrl, '', fleet.names.queue('payment'), [{ body: Buffer.from('not JSON'), options }]);
    },
    values: async (fleet) => ({ id: await firstId(fleet, 'flotilla dead list', 'ID') }),
    remedy: [{ command: 'flotilla dead discard <id>' }],
  },
  'unrouted command': {
    inject: async (fleet) => {
      const { managementUrl } = await fleet.state();
      const bindings = `bindings/%2F/e/${fleet.names.work}/q/${fleet.names.queue('inventory')}`;
      for (const { properties_key: key } of (await manage(managementUrl, 'GET', bindings)) as {
        properties_key: string;
      }[]) {
        await manage(managementUrl, 'DELETE', `${bindings}/${encodeURIComponent(key)}`);
      }
      await fleet.customers.order('tok_ok', ['item_1'], { quantity: 1 });
    },
    remedy: [{ block: 'flotilla topology apply' }],
  },
  'lagging projection': {
    isCheap: true,
    inject: async (fleet) => {
      await succeed(fleet, `sqlite3 data/core.db 'DROP TABLE order_summary__1'`);
      await fleet.customers.order('tok_ok', ['item_1'], { quantity: 1 });
    },
    values: async () => ({ name: 'order-summary' }),
    remedy: [{ command: 'flotilla projections rebuild <name>' }],
  },
  'lost lease': {
    inject: async (fleet) => {
      const update = `UPDATE flotilla_leases SET holder = 'intruder', epoch = epoch + 1, ttl = 86400000, expires = expires + 86390000`;
      await succeed(fleet, `sqlite3 data/payment.db "${update} WHERE name = 'relay'"`);
    },
    values: async () => ({ store: 'data/payment' }),
    remedy: [{ command: 'sqlite3 <store>.db "DELETE' }],
  },
  'missing worker': {
    // as the system does that lacks memory
    inject: async (fleet) => {
      const ending = new AbortController();
      const killing = (async () => {
        while (!ending.signal.aborted) {
          await signal(fleet, 'inventory', 'SIGKILL');
          await eventually('it runs again', async () => (await fleet.processOf('inventory')) !== undefined, ending);
        }
      })().catch((error: unknown) => {
        if (!ending.signal.aborted) throw error;
      });
      await fleet.customers.order('tok_ok', ['item_1'], { quantity: 1 });
      return async () => {
        ending.abort();
        await killing;
      };
    },
    remedy: [{ words: 'Remove the cause and start it' }],
  },
};

async function signal(fleet: OperatedFleet, worker: string, name: NodeJS.Signals): Promise<void> {
  const { pid } = (await fleet.processOf(worker)) ?? {};
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The id in the first row of a list. `heading` is the first one of its table. */
async function firstId(fleet: OperatedFleet, list: string, heading: string): Promise<string> {
  const [row] = tableOf(await succeed(fleet, list), heading);
  if (row?.['ID'] === undefined) throw new Error(`${list} shows no id`);
  return row['ID'];
}

async function succeed(fleet: OperatedFleet, command: string): Promise<string> {
  const { code, output } = await fleet.shell(command);
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
  return output;
}
