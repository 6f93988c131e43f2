import type { Command } from 'commander';
import { wantedTopics } from '../../../fleet/kafka.js';
import { applyTopics, planTopics, type TopicDifference } from '../../../kafka/topics/plan-topics.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { CommandFailed } from '../../shared/failure.js';
import { printList } from '../../shared/output/print-list.js';
import { kafkaClient } from './client.js';

interface Flags {
  json?: boolean;
}

export function registerTopics(kafka: Command, context: Context): void {
  const topics = kafka.command('topics').description('compare and create the topics of the fleet');
  topics
    .command('plan')
    .description('show what `apply` would create; exit code 1 if a topic has another number of partitions')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla kafka topics plan', 'compare Kafka with the fleet']))
    .action((flags: Flags) => run(flags, context, false));
  topics
    .command('apply')
    .description('create the missing topics; existing ones are not changed')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['flotilla kafka topics apply', 'create the missing topics']))
    .action((flags: Flags) => run(flags, context, true));
}

async function run({ json = false }: Flags, context: Context, apply: boolean): Promise<void> {
  const wanted = wantedTopics(await context.fleet(), context.config.prefix);
  const client = await kafkaClient(context);
  const differences = await (apply ? applyTopics(client, wanted) : planTopics(client, wanted));
  const missing = differences.filter(({ problem }) => problem === 'missing').length;
  const empty = wanted.length === 0 ? 'The fleet publishes nothing to Kafka.' : 'All topics exist.';
  printList(context, differences, {
    json,
    empty,
    columns: {
      topic: ({ topic }) => topic,
      problem: ({ problem }) => problem,
      detail: ({ detail }: TopicDifference) => detail,
    },
  });
  if (apply && !json && missing > 0) context.say(`${missing} created.`);
  if (missing === differences.length) return;
  throw new CommandFailed('the number of partitions of a topic is never changed: it would break the order of subjects');
}
