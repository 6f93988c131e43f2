import type { ProcessContracts } from '../observability/processes/process-contracts.js';
import type { WorkerDefinition } from '../worker/definition/worker-definition.js';
import type { Fleet } from './define-fleet.js';
import { readersIn } from './readers.js';

/** What a process of the fleet that runs these workers reads and writes. */
export function processContractsOf(
  { catalogue }: Pick<Fleet, 'catalogue'>,
  workers: readonly WorkerDefinition[],
  program: ProcessContracts['program'],
): ProcessContracts {
  return {
    program,
    types: Object.fromEntries(
      Object.entries(catalogue.definitions).map(([type, { first, latest }]) => [type, [first, latest]]),
    ),
    readers: workers.flatMap(readersIn).map(({ name, kind, reads }) => ({ name, kind, reads })),
  };
}
