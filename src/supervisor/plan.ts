import { FlotillaError } from '../errors.js';
import { requireKnown } from '../text/known-names.js';

/** Processes of one stage are independent; stages end in this order, followed by the broker. */
export type Stage = 'api' | 'workers' | 'keeper' | 'sandbox';
export const STAGES: readonly Stage[] = ['api', 'workers', 'keeper', 'sandbox'];

export interface PlannedProcess {
  stage: Stage;
  /** `payment`; `payment-2` for the second of several; `workers-1` if it runs several workers. */
  name: string;
  /** The arguments of the program. */
  args: readonly string[];
}

export interface PlanOptions {
  workers: readonly string[];
  hasApi: boolean;
  hasSandbox: boolean;
  /** Whether the fleet exchanges events with Kafka. @default false */
  hasKafka?: boolean;
  /** The number of processes of each worker. @default 1 */
  scale: Readonly<Record<string, number>>;
  /** The number of processes that share all workers. Undefined: each worker has its own. */
  processes?: number | undefined;
}

/** The processes of a fleet on one machine. Throws `name.unknown` for the scale of a worker that is not enabled, and
 *  `config.invalid` for a worker with more processes than there are. */
export function planProcesses(options: PlanOptions): PlannedProcess[] {
  const { workers, hasApi, hasSandbox, hasKafka = false, scale, processes } = options;
  for (const name of Object.keys(scale)) requireKnown('worker', name, workers);
  return [
    ...(hasSandbox ? [{ stage: 'sandbox', name: 'sandbox', args: ['sandbox'] } as const] : []),
    { stage: 'keeper', name: 'keeper', args: ['keeper'] },
    ...(hasKafka ? [{ stage: 'keeper', name: 'kafka', args: ['kafka', 'run'] } as const] : []),
    ...(processes === undefined ? separateProcesses(options) : sharedProcesses(options, processes)),
    ...(hasApi ? [{ stage: 'api', name: 'api', args: ['api'] } as const] : []),
  ];
}

function separateProcesses({ workers, scale }: PlanOptions): PlannedProcess[] {
  return workers.flatMap((worker) =>
    Array.from({ length: scale[worker] ?? 1 }, (_, index): PlannedProcess => {
      return { stage: 'workers', name: index === 0 ? worker : `${worker}-${index + 1}`, args: ['worker', worker] };
    }),
  );
}

/** Distributes the workers in turn. A process runs a worker once, so that its replicas are in different processes. */
function sharedProcesses({ workers, scale }: PlanOptions, processes: number): PlannedProcess[] {
  const groups = Array.from({ length: processes }, (): string[] => []);
  let next = 0;
  for (const worker of workers) {
    const count = scale[worker] ?? 1;
    if (count > processes) {
      throw new FlotillaError('config.invalid', `${count} processes of ${worker}, but --processes is ${processes}`);
    }
    for (let replica = 0; replica < count; replica += 1) groups[next++ % processes]?.push(worker);
  }
  return groups.flatMap((names, index): PlannedProcess[] =>
    names.length === 0 ? [] : [{ stage: 'workers', name: `workers-${index + 1}`, args: ['worker', ...names] }],
  );
}
