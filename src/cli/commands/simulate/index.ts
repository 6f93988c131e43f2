import type { Command } from 'commander';
import { z } from 'zod';
import { FlotillaError, messageOf } from '../../../errors.js';
import type { Load } from '../../../fleet/load.js';
import { readProcesses } from '../../../observability/processes/process-registry.js';
import { runDirOf } from '../../../runtime/place.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { interval, positive } from '../../shared/input/arguments.js';
import { printList } from '../../shared/output/print-list.js';
import { runLoad } from './run-load.js';
import { formatCounts } from './tally.js';

interface Flags {
  rate: number;
  duration?: number;
  interval: number;
  api?: string;
  json?: boolean;
}

export function register(program: Command, context: Context): void {
  const command = program
    .command('simulate')
    .argument('[name]', 'one of the simulations of the fleet; without it they are listed')
    .option('--rate <n>', 'items per second', positive, 10)
    .option('--duration <time>', 'such as 30s (default: until Ctrl-C)', interval)
    .option('--interval <time>', 'between two lines', interval, 1_000)
    .option('--api <url>', '(default: the API on this machine)')
    .option('--json', 'print JSON, one line each time')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText(
      'after',
      examples(
        ['flotilla simulate', 'which simulations there are, with their own options'],
        ['flotilla simulate orders --rate 50 --duration 1m', '50 orders a second for a minute'],
        ['flotilla simulate sensors --rate 200 --faulty 0.1', 'readings, some of them out of range'],
        ['flotilla simulate orders --rate 5 --tokens tok_ok,tok_declined', 'half of the payments are declined'],
      ),
    )
    .action((name: string | undefined, flags: Flags) => {
      if (name === undefined) return runList(flags, context);
      if (name.startsWith('-')) throw new UsageError(`unknown option ${name}; the name of a simulation comes first`);
      return runSimulation(name, command.args.slice(1), flags, context);
    });
}

async function runList({ json = false }: Flags, context: Context): Promise<void> {
  const { simulations = {} } = await context.fleet();
  const items = Object.entries(simulations).map(([name, { description, options }]) => ({
    name,
    options: Object.keys(options.shape).map((key) => `--${key}`),
    description,
  }));
  printList(context, items, {
    json,
    empty: 'The fleet declares no simulation.',
    freeText: ['description'],
    columns: {
      simulation: ({ name }) => name,
      options: ({ options }) => options.join(' '),
      description: ({ description }) => description,
    },
  });
}

async function runSimulation(name: string, given: readonly string[], flags: Flags, context: Context): Promise<void> {
  const { simulations = {} } = await context.fleet();
  requireKnown('simulation', name, Object.keys(simulations));
  const load = simulations[name] as Load;
  const options = readOptions(name, load, given);
  const { rate, duration, interval: every, json = false } = flags;
  const { signal, config } = context;
  const api = flags.api?.replace(/\/+$/, '') ?? (await ownApi(context));
  const running = await load.start(options, { api, token: config.apiToken, signal }).catch((error: unknown) => {
    throw error instanceof FlotillaError ? error : new FlotillaError('http.bad_answer', `${api}: ${messageOf(error)}`);
  });
  const summary = await runLoad(running, {
    ...{ rate, duration, interval: every, signal },
    onInterval(counts) {
      if (json) context.printJson(counts);
      else if (context.redrawable) context.redraw([`${name} at ${api}, ${rate}/s; Ctrl-C ends`, formatCounts(counts)]);
      else context.print(formatCounts(counts));
    },
  }).finally(() => running.close?.());
  if (json) {
    context.printJson({ ...summary, summary: true });
    return;
  }
  context.print(`${context.redrawable ? '' : 'Total: '}${formatCounts(summary)}`);
  if (summary.reason !== undefined) context.say(`Latest problem: ${summary.reason}`);
  if (summary.open > 0 && !signal.aborted) context.say(`${summary.open} have not ended after 30 s.`);
}

/** The options that the simulation declares, from `--tokens tok_ok` or `--tokens=tok_ok`. */
function readOptions(name: string, { options }: Load, given: readonly string[]): Record<string, unknown> {
  const shape: Readonly<Record<string, z.core.$ZodType>> = options.shape;
  const known = Object.keys(shape);
  const values: Record<string, string> = {};
  for (let index = 0; index < given.length; index += 1) {
    const text = given[index] ?? '';
    const [, key = '', attached] = /^--([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
    if (!known.includes(key)) {
      const own =
        known.length === 0 ? 'no options of its own' : `the options ${known.map((each) => `--${each}`).join(', ')}`;
      throw new UsageError(`simulate ${name} does not have ${text}; it has ${own}`);
    }
    const next = given[index + 1];
    const follows = attached === undefined && next !== undefined && !next.startsWith('--');
    const value = attached ?? (follows ? next : acceptsNoValue(shape[key]) ? '' : undefined);
    if (value === undefined) throw new UsageError(`--${key} needs a value`);
    if (follows) index += 1;
    values[key] = value;
  }
  const result = options.safeParse(values);
  if (result.success) return values;
  const [issue] = result.error.issues;
  throw new UsageError(`--${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

/** Whether an option may stand alone: its schema accepts an empty text. */
function acceptsNoValue(schema: z.core.$ZodType | undefined): boolean {
  return schema !== undefined && z.safeParse(schema, '').success;
}

async function ownApi(context: Context): Promise<string> {
  const api = (await readProcesses(runDirOf(context))).find(({ role }) => role === 'api');
  if (api !== undefined) return api.url;
  throw new FlotillaError('config.invalid', 'no API of this fleet runs on this machine; start it, or set --api');
}
