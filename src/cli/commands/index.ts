import type { Command } from 'commander';
import type { CommandModule } from '../program.js';

/** A command, or a group of commands such as `dead`, that is loaded when it runs. */
export interface CommandEntry {
  readonly name: string;
  readonly description: string;
  /** The name of the process, for commands that run until they are stopped and write a log. */
  readonly service?: string;
  readonly load: () => Promise<CommandModule>;
}

/** All commands, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'up',
    description: 'run the whole fleet on this machine: broker, sandbox, keeper, workers, API',
    service: 'supervisor',
    load: () => import('./up.js'),
  },
  {
    name: 'api',
    description: 'serve the HTTP API; accepts writes while the broker is down',
    service: 'api',
    load: () => import('./api.js'),
  },
  {
    name: 'worker',
    description: 'run one or more workers in one process; several processes share the work',
    service: 'worker',
    load: () => import('./worker.js'),
  },
  {
    name: 'keeper',
    description: 'store the dead letters of all workers, so that they can be inspected and replayed',
    service: 'keeper',
    load: () => import('./keeper.js'),
  },
  {
    name: 'sandbox',
    description: "run the fleet's sandbox: external services for development",
    service: 'sandbox',
    load: () => import('./sandbox.js'),
  },
  {
    name: 'simulate',
    description: 'put a load on the running fleet and measure how long its items take',
    load: () => import('./simulate/index.js'),
  },
  {
    name: 'status',
    description:
      'show queues, retries, dead letters, consumers, rates and circuit breakers, and why a process is not ready; exit code 0 if ' +
      'the broker and all stores were read, all processes of this machine are ready, and no line begins with ALARM; dead ' +
      'letters and warnings do not change it',
    load: () => import('./status/index.js'),
  },
  {
    name: 'topology',
    description: 'compare and apply the exchanges, queues and bindings of the fleet',
    load: () => import('./topology/index.js'),
  },
  {
    name: 'devices',
    description: 'list, add and remove the devices that may connect to the broker by MQTT',
    load: () => import('./devices/index.js'),
  },
  {
    name: 'schemas',
    description: 'compare the schemas of messages with the committed ones, and print them',
    load: () => import('./schemas/index.js'),
  },
  {
    name: 'flow',
    description: 'show which part of the fleet emits and reads each message, find cycles and dead ends',
    load: () => import('./flow/index.js'),
  },
  {
    name: 'dead',
    description: 'list, collect, edit, replay and discard dead letters',
    load: () => import('./dead/index.js'),
  },
  {
    name: 'quarantine',
    description: 'list, release and reject messages that wait for a release that reads them',
    load: () => import('./quarantine/index.js'),
  },
  {
    name: 'subject',
    description: 'list, hold, release and skip the subjects that wait at ordered workers',
    load: () => import('./subject/index.js'),
  },
  {
    name: 'order',
    description: 'show the partitions of ordered workers, and change their number',
    load: () => import('./order/index.js'),
  },
  {
    name: 'kafka',
    description: 'publish events to Kafka, store records of Kafka as events, create topics',
    load: () => import('./kafka/index.js'),
  },
  { name: 'retrying', description: 'inspect and speed up retries', load: () => import('./retrying.js') },
  {
    name: 'unrouted',
    description: 'inspect and replay messages that match no worker',
    load: () => import('./unrouted.js'),
  },
  {
    name: 'events',
    description: 'search the history of all services, list event types, publish events',
    load: () => import('./events/index.js'),
  },
  {
    name: 'stores',
    description: 'inspect and accept the stores of the services',
    load: () => import('./stores/index.js'),
  },
  {
    name: 'streams',
    description: 'inspect and archive the streams of a store',
    load: () => import('./streams/index.js'),
  },
  {
    name: 'projections',
    description: 'list and rebuild read models, skip an event',
    load: () => import('./projections/index.js'),
  },
  {
    name: 'windows',
    description: 'inspect and recount windows, list late and refused events',
    load: () => import('./windows/index.js'),
  },
  { name: 'sagas', description: 'inspect, retry and compensate sagas', load: () => import('./sagas/index.js') },
  {
    name: 'replay',
    description: 'replay history to the queue of one worker only; can be interrupted and resumed',
    load: () => import('./replay/index.js'),
  },
  { name: 'new', description: 'create a fleet, or add a worker to one', load: () => import('./new/index.js') },
  {
    name: 'reset',
    description: 'delete the data of the fleet on this machine: stores, broker, mailbox',
    load: () => import('./reset.js'),
  },
  {
    name: 'doctor',
    description:
      'check that this machine and the broker have what a fleet needs; exit code 1 if not, 0 with warnings only',
    load: () => import('./doctor/index.js'),
  },
  { name: 'config', description: 'show the configuration', load: () => import('./config.js') },
];

/** Returns the commands that a command line names at any place: `help dead` also needs `dead`. */
export function commandsIn(words: readonly string[]): CommandEntry[] {
  return commands.filter(({ name }) => words.includes(name));
}

/** Loads `wanted`; adds only the names and descriptions of the other commands. */
export function loadCommands(wanted: readonly CommandEntry[] = commands): Promise<CommandModule[]> {
  return Promise.all(
    commands.map(async (entry): Promise<CommandModule> => {
      if (!wanted.includes(entry)) return { register: (program) => void nameCommand(program, entry) };
      const { register } = await entry.load();
      return {
        register(program, context) {
          register(program, context);
          program.commands.find((command) => command.name() === entry.name)?.description(entry.description);
        },
      };
    }),
  );
}

/** Adds a command only for the help. */
export function nameCommand(program: Command, { name, description }: CommandEntry): void {
  program.command(name).description(description);
}
