import { requireKnown } from '../text/known-names.js';

/** Processes of one stage are independent; stages end in this order, followed by the broker. */
export type Stage = 'api' | 'workers' | 'keeper' | 'sandbox';
export const STAGES: readonly Stage[] = ['api', 'workers', 'keeper', 'sandbox'];

export interface PlannedProcess {
  stage: Stage;
  /** `payment`; `payment-2` for the second of several. */
  name: string;
  /** The arguments of the program. */
  args: readonly string[];
}

export interface PlanOptions {
  workers: readonly string[];
  hasApi: boolean;
  hasSandbox: boolean;
  /** The number of processes of each worker. @default 1 */
  scale: Readonly<Record<string, number>>;
}

/** The processes of a fleet on one machine. Throws `name.unknown` for the scale of a worker that is not enabled. */
export function planProcesses({ workers, hasApi, hasSandbox, scale }: PlanOptions): PlannedProcess[] {
  for (const name of Object.keys(scale)) requireKnown('worker', name, workers);
  return [
    ...(hasSandbox ? [{ stage: 'sandbox', name: 'sandbox', args: ['sandbox'] } as const] : []),
    { stage: 'keeper', name: 'keeper', args: ['keeper'] },
    ...workers.flatMap((worker) =>
      Array.from({ length: scale[worker] ?? 1 }, (_, index): PlannedProcess => {
        return { stage: 'workers', name: index === 0 ? worker : `${worker}-${index + 1}`, args: ['worker', worker] };
      }),
    ),
    ...(hasApi ? [{ stage: 'api', name: 'api', args: ['api'] } as const] : []),
  ];
}
