import { UnavailableError } from '../../../errors.js';
import type { CallOutcome } from '../faults.js';
import type { Handling, RunState } from '../run-state.js';

/** A fake of an external dependency: request and answer take virtual time. A request that was sent arrives, even if its
 *  caller has crashed in the meantime. */
export function externalCall<Args extends unknown[], Result>(
  name: string,
  effect: (...args: Args) => Result | Promise<Result>,
  state: RunState,
): (...args: Args) => Promise<Result> {
  const { counts, faults, trace, handling } = state;
  return (...args) => {
    const caller = handling.getStore();
    const call = async (): Promise<Result> => {
      const number = ++counts.calls;
      const outcome = faults.call(number);
      const way = `${name} ${caller?.message.name ?? ''}`;
      const title = `${name}${caller === undefined ? '' : ` for ${caller.message.title}`} (call ${number})`;
      await sleep(state, way);
      if (outcome === undefined) trace.add(caller?.process.label ?? '', title);
      else trace.fault(caller?.process.label ?? '', `${title} ${TRACE_TEXTS[outcome]}`);
      if (outcome === 'unavailable') throw new UnavailableError(`${name} is not available`);
      const result = await settled(effect, args);
      if (outcome === 'crash') caller?.process.crash(`at the answer to ${title}`);
      await sleep(state, way);
      if (outcome === 'answer_lost') throw new UnavailableError(`${name} did not answer`);
      if ('error' in result) throw result.error;
      return result.value;
    };
    return guarded(caller, call);
  };
}

const TRACE_TEXTS: Record<CallOutcome, string> = {
  unavailable: 'is not available',
  answer_lost: 'is done, and its reply is lost',
  crash: 'is done, and the caller dies',
};

function guarded<T>(caller: Handling | undefined, call: () => Promise<T>): Promise<T> {
  return caller === undefined ? call() : caller.process.guard(call);
}

async function settled<Args extends unknown[], T>(
  effect: (...args: Args) => T | Promise<T>,
  args: Args,
): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await effect(...args) };
  } catch (error) {
    return { error };
  }
}

function sleep({ clock, latencies }: RunState, way: string): Promise<void> {
  return new Promise((resolve) => clock.after(latencies.hop(way), resolve));
}
