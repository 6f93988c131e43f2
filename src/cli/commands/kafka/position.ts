import { InvalidArgumentError, type Command } from 'commander';
import { kafkaPosition, setKafkaPosition } from '../../../kafka/sink/set-position.js';
import { openExistingStore } from '../../../runtime/stores/existing-stores.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { kafkaClient } from './client.js';

interface Flags {
  set?: number;
  json?: boolean;
}

export function registerPosition(kafka: Command, context: Context): void {
  kafka
    .command('position')
    .description('show up to which position of its store a service is published, or set it')
    .argument('<service>')
    .option(
      '--set <position>',
      'continue behind this position: earlier events are not published (again)',
      parsePosition,
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        ['flotilla kafka position core', 'how far the store core is published'],
        ['flotilla kafka position core --set 4711', 'continue with position 4712'],
      ),
    )
    .action((service: string, flags: Flags) => run(service, flags, context));
}

async function run(service: string, { set, json = false }: Flags, context: Context): Promise<void> {
  const store = await openExistingStore(context, service);
  try {
    const client = await kafkaClient(context);
    const { prefix } = context.config;
    if (set !== undefined && !(await setKafkaPosition(client, prefix, store, set))) {
      throw new UsageError(`the store ${service} has no event at position ${set}`);
    }
    const { position = null } = await kafkaPosition(client, prefix, service);
    const head = await store.head();
    if (json) context.printJson({ service, position, head }, 2);
    else if (position === null) context.print(`${service} is not published yet; its store ends at position ${head}.`);
    else context.print(`${service} is published up to position ${position}; its store ends at ${head}.`);
  } finally {
    await store.close();
  }
}

function parsePosition(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is a position: a number from 0 on.');
  return Number(text);
}
