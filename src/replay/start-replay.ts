import { setTimeout as sleep } from 'node:timers/promises';
import { FlotillaError } from '../errors.js';
import { newId } from '../events/ids.js';
import { RunHeartbeat } from './runs/run-heartbeat.js';
import type { ReplayContext } from './replay-context.js';
import { resetWorker } from './reset-worker.js';
import { noCounts, placeOf, type ReplayRequest, type StoredRun } from './runs/replay-run.js';
import { sendRun, type RunOptions } from './sending/send-run.js';

const SETTLE_TIME_MS = 1000;

/** Starts a replay that `checkRequest` has accepted, and sends it. Resolves with the run: done, or interrupted if the
 *  signal aborted. Rejects with `replay.refused` while another replay to the worker is running, otherwise like
 *  `sendRun`; the run is then interrupted and can be resumed. */
export async function startReplay(
  context: ReplayContext,
  request: ReplayRequest,
  options: RunOptions,
): Promise<StoredRun> {
  const { worker, history, now } = context;
  const run: StoredRun = {
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
  const heartbeat = await RunHeartbeat.start(context.store, run, heartbeatOptions(context));
  options.onStart?.(run.id);
  return sendToEnd(context, heartbeat, options);
}

/** Continues an interrupted replay from its place; a worker that was reset for it is not reset again. Like
 *  `startReplay`, and also rejects with `replay.refused` if the replay is done. */
export async function resumeReplay(context: ReplayContext, run: StoredRun, options: RunOptions): Promise<StoredRun> {
  const heartbeat = await RunHeartbeat.resume(context.store, run, heartbeatOptions(context), options.signal);
  options.onStart?.(run.id);
  return sendToEnd(context, heartbeat, options);
}

function heartbeatOptions({ holder, now, limits }: ReplayContext) {
  return { holder, now, ...(limits?.heartbeatTimeout !== undefined && { timeout: limits.heartbeatTimeout }) };
}

async function sendToEnd(context: ReplayContext, heartbeat: RunHeartbeat, options: RunOptions): Promise<StoredRun> {
  const end = async (state: StoredRun['state']) => {
    await heartbeat.stop();
    if (!heartbeat.lost.aborted) await heartbeat.save({ state, endedAt: new Date(context.now()).toISOString() });
  };
  let done: boolean;
  try {
    const after = placeOf(heartbeat.run);
    if (after !== null) await context.history.verify(after);
    done = (await prepare(context, heartbeat, options.signal)) && (await sendRun(context, heartbeat, options));
  } catch (error) {
    await end('interrupted').catch(() => undefined); // without a heartbeat it soon counts as interrupted
    throw error;
  }
  await end(done ? 'done' : 'interrupted');
  return heartbeat.run;
}

/** Resets the worker if requested, then determines the end of history: events handled before the reset are before it,
 *  later ones reach the worker as usual. Returns false if the signal aborted first. */
async function prepare(
  { worker, workerStore, history, now, limits }: ReplayContext,
  heartbeat: RunHeartbeat,
  signal: AbortSignal,
) {
  const { id, again, resetAt, end } = heartbeat.run;
  if (signal.aborted) return false;
  if (again !== null && worker.replay !== again) {
    throw new FlotillaError('replay.refused', `${worker.name} no longer declares replay: '${again}'`);
  }
  if (again === 'reset' && resetAt === null) {
    if (workerStore === undefined) throw new FlotillaError('replay.refused', `${worker.store} is not on this machine`);
    await resetWorker(workerStore, worker, id);
    await heartbeat.save({ resetAt: new Date(now()).toISOString() });
  }
  if (end !== null) return true;
  try {
    if (again === 'reset') await sleep(limits?.settle ?? SETTLE_TIME_MS, undefined, { signal });
    await heartbeat.save({ end: (await history.end(signal)) ?? null });
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}
