import { namesFor } from '../../broker/topology/topology.js';
import { CLOUDEVENTS_JSON } from '../../events/envelope.js';
import type { DescribedMessage, DescribedVersion, FleetDescription } from '../describe-fleet.js';
import { exampleEvent } from '../example-event.js';
import { command, nameList } from './elements.js';
import { markup, type Content, type Markup } from './markup.js';

/** How to publish a message from a shell: with the command line of the fleet, and with any AMQP client. */
export function publishCommands(
  fleet: FleetDescription,
  message: DescribedMessage,
  version: DescribedVersion,
): Content {
  const [example] = version.examples;
  if (example === undefined) return undefined;
  const { type, source, outside } = message;
  const asSource = source === undefined ? '' : ` --source ${quoted(source)}`;
  const publish = `npx flotilla events publish ${type} ${quoted(JSON.stringify(example.data))}${asSource}`;
  const event = exampleEvent({ ...message, source: outside[0] ?? source }, version, example.data);
  return markup`<p>With the command line of the fleet, which signs the message if the fleet has a key:</p>
${command('With the command line of the fleet', publish)}
<p>With <code>amqp-publish</code> of <code>amqp-tools</code>, as from other languages:</p>
${command('With amqp-publish', amqpPublish(namesFor(fleet.prefix).events, type, event))}
${signatureNote(outside)}`;
}

function signatureNote(outside: readonly string[]): Markup {
  if (outside.length > 0) return markup`<p>It needs no signature from: ${nameList(outside, '')}.</p>`;
  return markup`<p>A fleet with a key (<code>FLEET_KEY</code>) refuses messages of this type without its signature, as
<code>contract.unsigned</code>. <code>fromOutside</code> in the catalogue opens a type to a source outside the fleet.</p>`;
}

/** The message has a new id and the current time: a second one with the same id would be ignored. */
function amqpPublish(
  exchange: string,
  type: string,
  { id: _id, time: _time, correlationid: _correlation, ...event }: ReturnType<typeof exampleEvent>,
): string {
  const fixed = JSON.stringify(event).slice(1);
  const body = `'{"id":"'"$(node -p 'crypto.randomUUID()')"'","time":"'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'",${inQuotes(fixed)}'`;
  return [
    'amqp-publish --url "$AMQP_URL"',
    `--exchange ${quoted(exchange)} --routing-key ${type}`,
    `--content-type ${CLOUDEVENTS_JSON} --persistent`,
    `--body ${body}`,
  ].join(' \\\n  ');
}

/** Quotes an argument of a shell, where it is not plain. */
function quoted(text: string): string {
  return /^[\w./:=@+-]+$/.test(text) ? text : `'${inQuotes(text)}'`;
}

function inQuotes(text: string): string {
  return text.replaceAll("'", "'\\''");
}
