import { Option, type Command } from 'commander';
import { OPERATOR } from '../../../broker/users/permissions.js';
import { createPublisher } from '../../../client/publisher.js';
import { createEvent, originContext } from '../../../events/create.js';
import { newId } from '../../../events/ids.js';
import { emittersOf } from '../../../fleet/define-fleet.js';
import { OPS_STORE } from '../../../fleet/reserved-names.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { examples } from '../../shared/examples.js';
import { UsageError } from '../../shared/failure.js';
import { withSession } from '../../shared/session.js';

interface Flags {
  subject?: string;
  source: string;
  json?: boolean;
}

export function registerPublish(events: Command, context: Context): void {
  events
    .command('publish')
    .description('publish an event or a command to the workers, without a store')
    .argument('<type>', 'a type of the catalogue')
    .argument('<data>', 'JSON that fits its schema')
    .option('--subject <subject>', 'such as order/<id> (default: event/<id>)')
    .addOption(new Option('--source <service>', 'the service that emits the type').default(OPERATOR))
    .option('--json', 'print JSON')
    .addHelpText('after', examples([`flotilla events publish visitor.arrived '{"name":"Ada"}'`, 'publish an event']))
    .action((type: string, data: string, flags: Flags) => runPublish(type, data, flags, context));
}

async function runPublish(type: string, text: string, flags: Flags, context: Context): Promise<void> {
  const data = parsed(text);
  const fleet = await context.fleet();
  requireKnown('type', type, Object.keys(fleet.catalogue.definitions));
  const emitters = emittersOf(fleet).get(type);
  if (emitters !== undefined && !emitters.has(flags.source)) {
    const [first = OPS_STORE, ...others] = [...emitters].filter((service) => service !== OPS_STORE);
    throw new UsageError(`workers accept ${type} from ${[first, ...others].join(', ')} only; add --source ${first}`);
  }
  const id = newId();
  const subject = flags.subject ?? `event/${id}`;
  // reports invalid data without a broker
  createEvent(fleet.catalogue.definitions, type, data, originContext({ source: flags.source, subject }));
  const event = await withSession(context, async (session) => {
    const broker = await session.broker('write');
    const { catalogue } = fleet;
    const publisher = createPublisher({ broker, catalogue, source: flags.source, prefix: context.config.prefix });
    try {
      return await publisher.publish(type, data, { id, subject });
    } finally {
      await publisher.close();
    }
  });
  if (flags.json === true) context.printJson(event, 2);
  else context.print(`Published ${event.type} ${event.id} (${event.subject})`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the data is not JSON: ${(error as Error).message}`);
  }
}
