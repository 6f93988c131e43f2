import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { readFleetState } from '../../src/supervisor/fleet-state.js';
import { eventually } from '../support/eventually.js';

export interface StartedFleet {
  /** The program that runs `flotilla up`, itself or as its child. */
  program: ChildProcess;
  dataDir: string;
  /** Runs a command of the fleet and resolves with its output. */
  flotilla: (...args: string[]) => Promise<string>;
}

/** Publishes an event to the fleet of examples/hello-worker, expects the event that its worker emits, and ends the
 *  fleet: every process ends, and the program exits with 0. Resolves with the names of the processes. */
export async function expectGreeting({ program, dataDir, flotilla }: StartedFleet): Promise<string[]> {
  const ended = once(program, 'exit');
  const early = new AbortController();
  let output = '';
  for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  program.once('exit', () => early.abort(new Error(`the fleet ended: ${output}`)));
  await eventually('the fleet runs', () => output.includes('Flotilla is running'), { signal: early.signal });
  const state = await readFleetState(dataDir);
  if (state === undefined) throw new Error(`no fleet runs in ${dataDir}`);
  const { pid: supervisor, processes } = state;
  try {
    const published = await flotilla('events', 'publish', 'visitor.arrived', '{"name": "Ada"}', '--json');
    const { id } = JSON.parse(published) as { id: string };
    const greeted = await eventually('the worker greets', async () => {
      const listed = await flotilla('events', 'list', '--type', 'visitor.greeted', '--json');
      return (JSON.parse(listed) as { items: { event: Record<string, unknown> }[] }).items[0]?.event;
    });
    expect(greeted).to.deep.include({ causationid: id, source: 'greeter', data: { greeting: 'Hello, Ada!' } });
  } finally {
    process.kill(supervisor, 'SIGTERM');
    await ended;
  }
  expect([program.exitCode, program.signalCode], output).to.deep.equal([0, null]);
  expect(await readFleetState(dataDir)).to.equal(undefined);
  for (const { pid, name } of processes) expect(() => process.kill(pid, 0), name).to.throw('ESRCH');
  return processes.map(({ name }) => name);
}
