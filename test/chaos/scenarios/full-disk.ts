import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settled, settledForGood, withFleet, type RunOptions } from '../support/chaos-run.js';
import { eventually } from '../../support/eventually.js';
import { PATIENT } from '../support/kill-now-and-then.js';
import { workers } from '../support/stores.js';

/** A small file system; the data of the external services is linked to a larger one. */
export async function withSmallDisk<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-chaos-disk-'));
  const outside = await mkdtemp(join(tmpdir(), 'flotilla-chaos-outside-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { encoding: 'utf8' });
  try {
    if (mounted.status !== 0) throw new NoSmallDisk(mounted.stderr || String(mounted.error));
    await symlink(outside, join(folder, 'sandbox'));
    return await work(folder);
  } finally {
    if (mounted.status === 0) spawnSync('umount', ['-l', folder]);
    await rm(folder, { recursive: true, force: true });
    await rm(outside, { recursive: true, force: true });
  }
}

/** This machine allows no small file system: mounting requires root. */
export class NoSmallDisk extends Error {
  override readonly name = 'NoSmallDisk';
}

const CLEAR: readonly string[] = ['503 store.full', '503 store.group_aborted'];

/** Fills the disk of all stores while orders are processed. Errors are then clear, everything confirmed with 201 is
 *  kept, and all orders complete once space is free. */
export async function fillTheDisk(options: RunOptions): Promise<void> {
  await withSmallDisk((folder) =>
    withFleet({ ...options, dataDir: folder, env: PATIENT }, async (run) => {
      const { fleet, customers } = run;
      await fleet.start();
      const pids = fleet.roles.map((role) => fleet.process(role).pid);
      await customers.register();
      await customers.adjust('item_1', 10_000);
      for (let n = 0; n < 5; n += 1) await customers.order('tok_ok', ['item_1']);
      await settled(run);
      const filler = join(folder, 'filler');
      await fill(filler, folder);
      const answers = new Map<string, number>();
      const isRefused = async () => {
        const { status, body } = await customers.orderOnce('tok_ok', ['item_1']);
        const answer = status === 201 ? '201' : `${status} ${String(body.code)}`;
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
        return status !== 201;
      };
      await eventually('an order is refused because the disk is full', isRefused, { every: 0 });
      const workersSay = () => workers.some(({ name }) => isFull(fleet.processOf(name).said));
      await eventually('a worker says that its disk is full', async () => (await isRefused()) && workersSay());
      for (let n = 0; n < 20; n += 1) await isRefused();
      options.say?.(
        `answered with a full disk: ${[...answers].map(([answer, times]) => `${answer} (${times})`).join(', ')}`,
      );
      const unclear = [...answers.keys()].filter((answer) => answer !== '201' && !CLEAR.includes(answer));
      if (unclear.length > 0) throw new Error(`a full disk is answered ${unclear.join(', ')}`);
      await rm(filler);
      await settledForGood(run);
      const restarted = fleet.roles.filter((role) => !pids.includes(fleet.process(role).pid));
      if (restarted.length > 0) throw new Error(`restarted: ${restarted.join(', ')}`);
    }),
  );
}

/** Fills the disk except for the space of a few transactions. */
export async function fill(path: string, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  await writeFile(path, Buffer.alloc(Math.max(0, bavail * bsize - 200_000))).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOSPC') throw error;
  });
}

function isFull(said: string): boolean {
  return said.includes('The disk of the store is full');
}
