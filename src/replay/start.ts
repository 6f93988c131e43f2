import { setTimeout as sleep } from 'node:timers/promises';
import { FlotillaError } from '../errors.js';
import { newId } from '../events/ids.js';
import { HeldRun } from './held-run.js';
import type { Replayer } from './replayer.js';
import { resetWorker } from './reset.js';
import { noCounts, placeOf, type ReplayRequest, type ReplayRun } from './run.js';
import { sendRun, type RunOptions } from './run-replay.js';

const SETTLE = 1000;

export interface StartOptions extends RunOptions {
  /** Told the id once the replay is this process's. */
  onStart?: (id: string) => void;
}

/** Begins a replay that `examineRequest` let through, and sends it. Resolves with it as it is then: done, or interrupted
 *  when the signal aborted. Rejects with `replay.refused` while another one to the worker is running, otherwise as
 *  `sendRun`: it is interrupted then, and can be resumed. */
export async function startReplay(
  replayer: Replayer,
  request: ReplayRequest,
  options: StartOptions,
): Promise<ReplayRun> {
  const { worker, history, now } = replayer;
  const run: ReplayRun = {
    ...request,
    id: newId(now()),
    worker: worker.name,
    from: history.from,
    state: 'running',
    end: null,
    resetAt: null,
    startedAt: new Date(now()).toISOString(),
    endedAt: null,
    place: null,
    mark: null,
    counts: noCounts(),
  };
  const held = await HeldRun.begin(replayer.store, run, termsOf(replayer));
  options.onStart?.(run.id);
  return carryOut(replayer, held, options);
}

/** Goes on with one that was interrupted, from the place it had come to; a worker that was reset for it is not reset
 *  again. As `startReplay`; rejects with `replay.refused` also when it is done. */
export async function resumeReplay(replayer: Replayer, run: ReplayRun, options: StartOptions): Promise<ReplayRun> {
  const held = await HeldRun.resume(replayer.store, run, termsOf(replayer), options.signal);
  options.onStart?.(run.id);
  return carryOut(replayer, held, options);
}

function termsOf({ holder, now, limits }: Replayer) {
  return { holder, now, ...(limits?.live !== undefined && { live: limits.live }) };
}

async function carryOut(replayer: Replayer, held: HeldRun, options: RunOptions): Promise<ReplayRun> {
  const end = async (state: ReplayRun['state']) => {
    await held.letGo();
    if (!held.lost.aborted) await held.save({ state, endedAt: new Date(replayer.now()).toISOString() });
  };
  let done: boolean;
  try {
    const after = placeOf(held.run);
    if (after !== null) await replayer.history.verify(after);
    done = (await prepare(replayer, held, options.signal)) && (await sendRun(replayer, held, options));
  } catch (error) {
    await end('interrupted').catch(() => undefined); // it counts as interrupted by itself soon
    throw error;
  }
  await end(done ? 'done' : 'interrupted');
  return held.run;
}

/** Resets the worker where that is asked for, and then looks where history ends: what was handled before the reset is in
 *  it, and what comes after is counted as it comes. False when the signal aborted before that. */
async function prepare({ worker, workerStore, history, now, limits }: Replayer, held: HeldRun, signal: AbortSignal) {
  const { id, again, resetAt, end } = held.run;
  if (signal.aborted) return false;
  if (again !== null && worker.replay !== again) {
    throw new FlotillaError('replay.refused', `${worker.name} does not declare replay: '${again}' any more`);
  }
  if (again === 'reset' && resetAt === null) {
    if (workerStore === undefined) throw new FlotillaError('replay.refused', `${worker.store} is not on this machine`);
    await resetWorker(workerStore, worker, id);
    await held.save({ resetAt: new Date(now()).toISOString() });
  }
  if (end !== null) return true;
  try {
    if (again === 'reset') await sleep(limits?.settle ?? SETTLE, undefined, { signal });
    await held.save({ end: (await history.end(signal)) ?? null });
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}
