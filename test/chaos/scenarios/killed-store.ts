import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect } from 'chai';
import { readPages } from '../../../src/store/read-pages.js';
import { openSqliteStore } from '../../../src/store/sqlite/index.js';
import { randomFrom } from '../support/random.js';

export interface KillAmidCommitsOptions {
  seed: number;
  kills: number;
  say?: (line: string) => void;
}

/** Events of a batch in the fixture. */
const BATCH = 3;
const fixture = fileURLToPath(new URL('../../store/fixtures/append-through-errors.ts', import.meta.url));

/** Repeatedly kills a process that appends to one file in group commits, in which other units are retried, rejected
 *  and rolled back. Afterwards, every acknowledged batch is stored, no batch partially, and positions rise from 1
 *  without a gap. Rejects otherwise; resolves with the number of acknowledged batches. */
export async function killAmidCommits({ seed, kills, say }: KillAmidCommitsOptions): Promise<number> {
  const random = randomFrom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-killed-'));
  const path = join(folder, 'core.db');
  const acknowledged = new Set<string>();
  try {
    for (let kill = 1; kill <= kills; kill++) {
      await appendUntilKilled(path, acknowledged, random.between(1, 120));
      if (kill % 20 === 0) say?.(`${kill} kills, ${acknowledged.size} batches acknowledged`);
    }
    await check(path, acknowledged);
    return acknowledged.size;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function appendUntilKilled(path: string, acknowledged: Set<string>, after: number): Promise<void> {
  const child = fork(fixture, [path], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  if (child.stdout === null) throw new Error('no output');
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    // a line truncated by the kill is not an acknowledgement
    if (line.length === 36) acknowledged.add(line);
    seen += 1;
    if (seen >= after) child.kill('SIGKILL');
  }
}

async function check(path: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const store = await openSqliteStore({ service: 'core', path });
  const batches = new Map<string, number[]>();
  let last = 0;
  try {
    for await (const page of readPages(store)) {
      for (const { position, stream } of page) {
        expect(position, 'positions rise without a gap').to.equal(last + 1);
        last = position;
        batches.set(stream, [...(batches.get(stream) ?? []), position]);
      }
    }
  } finally {
    await store.close();
  }
  expect(
    [...acknowledged].filter((batch) => !batches.has(batch)),
    'acknowledged and not there',
  ).to.deep.equal([]);
  const torn = [...batches].filter(
    ([, positions]) => positions.length !== BATCH || positions[BATCH - 1] !== (positions[0] ?? 0) + BATCH - 1,
  );
  expect(torn, 'batches in part').to.deep.equal([]);
  const file = new Database(path, { readonly: true });
  expect(file.pragma('integrity_check', { simple: true })).to.equal('ok');
  file.close();
}
