import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAULTS, type FaultName } from '../../docs/support/faults.js';
import { eventually } from '../../support/eventually.js';
import { faults, type Step } from '../operator/faults.js';
import { OperatedFleet, type OperatedFleetOptions } from '../operator/operated-fleet.js';
import { NoSmallDisk } from './full-disk.js';
import { areLinked, blockIn, commandIn, requireText, sectionOf, symptomRows } from '../operator/runbook.js';
import { signsOf } from '../operator/signs.js';
import { symptomsSeen, type Evidence } from '../operator/symptoms.js';
import { randomFrom } from '../support/random.js';

export interface OperatorOptions extends Omit<OperatedFleetOptions, 'folder'> {
  faults: readonly FaultName[];
  say: (line: string) => void;
}

/** Causes one fault after the other in a running fleet, and acts as an operator who knows nothing but the runbook: finds the
 *  section by the table of symptoms, follows its remedy as written, and waits for the signs of its end. */
export async function findFaults({ faults: names, say, ...options }: OperatorOptions): Promise<void> {
  await withDataOn(names.includes('full disk') ? 'a small disk' : 'any disk', async (folder) => {
    const fleet = await OperatedFleet.start({ ...options, folder });
    try {
      for (const name of names) {
        const began = performance.now();
        const symptoms = await findFault(fleet, name);
        say(`${name}: ${symptoms.join('; ')}: ${FAULTS[name]}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
      }
    } finally {
      await fleet.remove();
    }
  });
}

/** The given number of faults that take seconds and need no broker of their own. */
export function sampleOfFaults(seed: number, count: number): FaultName[] {
  const random = randomFrom(seed);
  const cheap = (Object.keys(faults) as FaultName[]).filter((name) => faults[name].isCheap);
  return shuffled(cheap, random.next).slice(0, count);
}

/** All faults, in an order that the seed determines. */
export function allFaults(seed: number): FaultName[] {
  return shuffled(Object.keys(faults) as FaultName[], randomFrom(seed).next);
}

/** Commands take a second of CPU time each. */
const POLL = { every: 500 };

/** Resolves with the symptoms that led to the section. */
async function findFault(fleet: OperatedFleet, name: FaultName): Promise<readonly string[]> {
  const title = FAULTS[name];
  const { inject, remedy, values } = faults[name];
  let evidence: Evidence | undefined;
  try {
    await eventually('no row of the table fits before the fault', async () => {
      await fleet.mark();
      return rowsFor((evidence = await fleet.glance())).length === 0;
    });
    await fleet.mark();
    const removeCause = (await inject(fleet)) ?? (async () => undefined);
    const rows = await eventually(
      `a row of the table leads to "${title}"`,
      async () => {
        evidence = await fleet.evidence();
        const found = rowsFor(evidence);
        return found.some(({ sections }) => sections.includes(title)) && found;
      },
      POLL,
    );
    for (const { sections, symptoms } of rows) {
      const leads = sections.some((section) => section === title || areLinked(section, title));
      if (!leads) throw new Error(`${symptoms.join('; ')} leads to "${sections.join()}", and that not to "${title}"`);
    }
    const found = await values?.(fleet);
    for (const step of remedy) await follow(step, { fleet, title, values: found ?? {}, removeCause });
    const signs = signsOf(sectionOf(title));
    let missing: string[] = [];
    await eventually(
      'the signs of the end',
      async () => {
        const after = (evidence = await fleet.glance());
        const held = await Promise.all(signs.map(async ({ text, holds }) => (await holds(fleet, after)) || text));
        missing = held.filter((each) => each !== true);
        return missing.length === 0;
      },
      POLL,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${missing.join('; ')}`, { cause: error });
    });
    return rows.find(({ sections }) => sections.includes(title))?.symptoms ?? [];
  } catch (error) {
    throw new Error(`${name}: ${String(error)}\n${describe(evidence)}`, { cause: error });
  }
}

interface Situation {
  fleet: OperatedFleet;
  title: string;
  values: Readonly<Record<string, string>>;
  removeCause: () => Promise<unknown>;
}

async function follow(step: Step, { fleet, title, values, removeCause }: Situation): Promise<void> {
  if ('words' in step) {
    requireText(title, step.words);
    await (step.done?.(fleet) ?? removeCause());
    return;
  }
  const commands = 'command' in step ? [commandIn(title, step.command)] : blockIn(title, step.block);
  for (const command of commands) {
    const complete = command.replace(/<(\w+)>/g, (placeholder, name: string) => values[name] ?? placeholder);
    const { code, output } = await fleet.shell(complete);
    if (code !== 0) throw new Error(`${complete} ended with ${code}:\n${output}`);
  }
}

/** The rows of the table whose symptoms the evidence shows. */
function rowsFor(evidence: Evidence): { sections: readonly string[]; symptoms: string[] }[] {
  return symptomRows
    .map((row) => ({ sections: row.sections, symptoms: symptomsSeen(row, evidence) }))
    .filter(({ symptoms }) => symptoms.length > 0);
}

function describe(evidence: Evidence | undefined): string {
  if (evidence === undefined) return '';
  const { alerts, status, doctor, log } = evidence;
  const rows = rowsFor(evidence).map(({ sections, symptoms }) => `${symptoms.join('; ')}: ${sections.join()}`);
  return [`alerts: ${alerts.join(', ')}`, ...rows, status, doctor, log.slice(-4000)].join('\n');
}

/** With a small disk for the stores; the data of the broker and of the external services stay on a larger one. Throws
 *  `NoSmallDisk` if this machine mounts none. */
async function withDataOn(disk: 'a small disk' | 'any disk', work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-operated-'));
  const data = join(folder, 'data');
  const mounted: string[] = [];
  const mount = async (target: string, args: readonly string[]) => {
    await mkdir(target, { recursive: true });
    const { status, stderr, error } = spawnSync('mount', [...args, target], { encoding: 'utf8' });
    if (status !== 0) throw new NoSmallDisk(stderr || String(error));
    mounted.unshift(target);
  };
  try {
    if (disk === 'a small disk') {
      await mount(data, ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs']);
      for (const name of ['rabbitmq', 'sandbox']) {
        await mkdir(join(folder, name));
        await mount(join(data, name), ['--bind', join(folder, name)]);
      }
    }
    await work(folder);
  } finally {
    for (const target of mounted) spawnSync('umount', ['-l', target]);
    await rm(folder, { recursive: true, force: true });
  }
}

function shuffled<T>(items: readonly T[], next: () => number): T[] {
  return items
    .map((item) => ({ item, at: next() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
