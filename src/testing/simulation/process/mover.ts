import type { PartitionCount } from '../../../broker/messages/slot-headers.js';
import { silentLogger } from '../../../telemetry/logger.js';
import type { WorkerDefinition } from '../../../worker/definition/worker-definition.js';
import { movePartitions, type MoveResult } from '../../../worker/ordering/partitions/move-partitions.js';
import type { Network } from '../broker/network.js';
import { commandBroker } from '../broker/command-broker.js';
import { names } from '../broker/queues.js';
import type { RunState } from '../run-state.js';
import { Crashable } from './crashable.js';
import { crashableStore } from './crashable-store.js';
import type { Service } from './service.js';

export interface MoverOptions {
  definition: WorkerDefinition;
  service: Service;
  network: Network;
  /** Identifies the process. */
  label: string;
}

/** The command that changes the number of partitions of a worker. */
export class SimulatedMover extends Crashable {
  constructor(
    private readonly options: MoverOptions,
    state: RunState,
  ) {
    super(options.label, state);
  }

  /** Never settles if it is killed. */
  run(to: PartitionCount): Promise<MoveResult> {
    const { definition, service, network, label } = this.options;
    return movePartitions({
      store: crashableStore(service, this, this.state),
      broker: commandBroker(this, network),
      names,
      worker: definition.name,
      defined: definition.ordering?.partitions ?? 1,
      to,
      holder: label,
      logger: silentLogger(),
      clock: this.clock,
      onStep: ({ step }) => this.state.trace.add(label, `to ${to} partitions: ${step}`),
      signal: new AbortController().signal,
    });
  }

  /** Commits of a command are no places of faults: it is killed at a time. */
  commit<T>(work: () => Promise<T>): Promise<T> {
    return this.guard(work);
  }

  crash(how: string): void {
    if (this.end()) this.state.trace.fault(this.label, `dies ${how}`);
  }
}
