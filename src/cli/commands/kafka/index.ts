import type { Command } from 'commander';
import { runKafka } from '../../../runtime/run-kafka.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { runOptions, untilEnded } from '../../shared/run.js';
import { registerPosition } from './position.js';
import { registerRejected } from './rejected.js';
import { registerTopics } from './topics.js';

export function register(program: Command, context: Context): void {
  const kafka = program.command('kafka');
  kafka
    .command('run')
    .description('run the sinks and sources of the fleet; several processes share the work')
    .addHelpText('after', examples(['flotilla kafka run', 'publish to Kafka and store what comes from there']))
    .action(async () => untilEnded(runKafka(await context.fleet(), runOptions(context, 'kafka'))));
  registerTopics(kafka, context);
  registerPosition(kafka, context);
  registerRejected(kafka, context);
}
