import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncShim, withoutSyncShim } from '../../support/sync-shim/sync-shim.js';
import { settledForGood, withFleet, type ChaosRun, type RunOptions } from '../support/chaos-run.js';
import type { Token } from '../support/customers.js';
import { PATIENT } from '../support/kill-now-and-then.js';

export interface PowerFailureOptions extends RunOptions {
  cuts: number;
  /** The minimum and maximum time between two cuts, in milliseconds. */
  pause: readonly [number, number];
  /** How long a sync takes, in milliseconds, during which a commit is visible, but not durable. */
  syncTime: number;
  /** The number of orders after which customers order no more: processes take a minute to start with slow syncs.
   *  @default unlimited */
  maxOrders?: number;
}

/** The roles that keep their power: the gateway and the carrier are on another machine, and so is RabbitMQ. */
const ELSEWHERE = ['sandbox'] as const;
const TOKENS = ['tok_ok', 'tok_ok', 'tok_flaky', 'tok_declined'] as const satisfies readonly Token[];
const CUSTOMERS = 4;
/** The share of files of which a power failure leaves more than the synced content. */
const WRITTEN_EARLY = 0.3;

/** Cuts the power of the fleet's machine while customers order, each time with the loss of unsynced data. In the end
 *  everything that was answered has taken effect once, and every published event is in its store. Resolves with the
 *  number of orders. */
export async function cutPower(options: PowerFailureOptions): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-power-'));
  const image = await mkdtemp(join(tmpdir(), 'flotilla-power-image-'));
  let orders = 0;
  try {
    const shim = await syncShim({ folder: dataDir, image, delay: options.syncTime });
    await withFleet({ ...options, dataDir, env: { ...PATIENT, ...options.env, ...shim } }, async (run) => {
      const { fleet, customers, random } = run;
      const machine = fleet.roles.filter((role) => !ELSEWHERE.some((other) => other === role));
      await Promise.all([fleet.start(ELSEWHERE, withoutSyncShim), fleet.start(machine)]);
      for (const sku of ['item_1', 'item_2', 'item_3']) await customers.adjust(sku, 10_000);
      await customers.register();
      const shopping = new AbortController();
      const load = order(run, shopping.signal, options.maxOrders);
      load.catch(() => undefined); // awaited below
      try {
        for (let cut = 1; cut <= options.cuts; cut += 1) {
          await sleep(random.between(...options.pause));
          await Promise.all(machine.map((role) => fleet.process(role).kill()));
          const lost = await restore(dataDir, image, () => random.chance(WRITTEN_EARLY));
          options.say?.(
            `power cut ${cut}: ${customers.promised.orders.size} orders; unsynced data lost of ${lost.join(', ')}`,
          );
          await fleet.start(machine);
        }
      } finally {
        shopping.abort();
      }
      await load;
      await settledForGood(run, {}, 120_000);
      orders = customers.promised.orders.size;
    });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
    await rm(image, { recursive: true, force: true });
  }
  return orders;
}

async function order({ customers, random }: ChaosRun, signal: AbortSignal, maxOrders = Infinity): Promise<void> {
  const shop = async () => {
    const account = await customers.openAccount();
    while (!signal.aborted && customers.promised.orders.size < maxOrders) {
      await customers.order(random.pick(TOKENS));
      await customers.moveMoney(account);
    }
  };
  await Promise.all(Array.from({ length: CUSTOMERS }, shop));
}

/** Leaves the files as a power failure does: with their synced content, some with everything written. Resolves with
 *  the names of the files that lost data. */
async function restore(dataDir: string, image: string, isWrittenEarly: () => boolean): Promise<string[]> {
  const synced = new Set(await readdir(image));
  const files = (await readdir(dataDir, { withFileTypes: true })).filter((entry) => entry.isFile());
  const lost: string[] = [];
  for (const { name } of files) {
    const path = join(dataDir, name);
    if (synced.has(name) && isWrittenEarly()) continue;
    const written = await readFile(path);
    await rm(path);
    if (!synced.has(name)) continue;
    await copyFile(join(image, name), path);
    if (!written.equals(await readFile(path))) lost.push(name);
  }
  return lost;
}
