import type { Json } from '../../contracts/shape.js';
import { CLOUDEVENTS_JSON, MAX_SUBJECT_LENGTH } from '../../events/envelope.js';
import type { DescribedMessage, DescribedVersion, FleetDescription } from '../describe-fleet.js';
import { exampleEvent } from '../example-event.js';
import { asyncApiSchema } from './payload.js';

export const AMQP_BINDING = '0.3.0';

type Node = Readonly<Record<string, unknown>>;

/** The key of a version among the messages and schemas of the document. */
export function messageKey(type: string, version: number): string {
  return `${type}.${version}`;
}

/** The messages of a fleet, one for each version of each type. */
export function messageComponents({ messages }: FleetDescription): Record<string, Node> {
  return perVersion(messages, messageOf);
}

/** The schemas of the data of each version, and of the attributes that all messages have. */
export function schemaComponents({ messages }: FleetDescription): Record<string, Node> {
  return {
    envelope,
    ...perVersion(messages, ({ type }, { version, schema }) =>
      asyncApiSchema(schema, `#/components/schemas/${messageKey(type, version)}`),
    ),
  };
}

function perVersion(
  messages: readonly DescribedMessage[],
  describe: (message: DescribedMessage, version: DescribedVersion) => Node,
): Record<string, Node> {
  return Object.fromEntries(
    messages.flatMap((message) =>
      message.versions.map((version) => [messageKey(message.type, version.version), describe(message, version)]),
    ),
  );
}

function messageOf(message: DescribedMessage, described: DescribedVersion): Node {
  const { version, dataschema, schema, readableFrom, examples } = described;
  const { type, kind, outside } = message;
  const { description } = schema;
  return {
    name: type,
    title: `${type} ${version}`,
    ...(typeof description === 'string' && { description }),
    contentType: CLOUDEVENTS_JSON,
    correlationId: { location: '$message.payload#/correlationid' },
    payload: {
      allOf: [{ $ref: '#/components/schemas/envelope' }],
      type: 'object',
      properties: {
        type: { const: type },
        dataschema: { const: dataschema },
        data: { $ref: `#/components/schemas/${messageKey(type, version)}` },
      },
      required: ['dataschema', 'data'],
    },
    bindings: { amqp: { messageType: type, bindingVersion: AMQP_BINDING } },
    examples: examples.map(({ data }, index) => ({
      name: `example-${index + 1}`,
      payload: exampleEvent(message, described, data),
    })),
    'x-kind': kind,
    ...(readableFrom !== undefined && { 'x-readable-from': readableFrom }),
    ...(outside.length > 0 && { 'x-outside': outside }),
  };
}

const text = (description: string, more: Record<string, Json> = {}): Node => ({ type: 'string', description, ...more });

/** The attributes of CloudEvents 1.0, and the extensions of the fleet. Further extensions are allowed. */
const envelope: Node = {
  type: 'object',
  title: 'CloudEvents 1.0, structured mode',
  properties: {
    specversion: { const: '1.0' },
    id: text('Unique within `source`', { maxLength: 256 }),
    source: text('The service that emitted it', { maxLength: 256 }),
    type: text('The message type, and the routing key'),
    subject: text('The entity that it is about', { maxLength: MAX_SUBJECT_LENGTH }),
    time: text('When it happened', { format: 'date-time' }),
    datacontenttype: text('The media type of `data`', { default: 'application/json' }),
    dataschema: text('The version of the message type: `urn:flotilla:<type>:<version>`'),
    correlationid: text('Shared by all messages that follow from one request'),
    causationid: text('The id of the message that caused this one'),
    sequence: text('The version of the stream of `subject`, in decimal digits', { pattern: '^\\d{1,16}$' }),
    traceparent: text('W3C Trace Context'),
    readablefrom: text('The oldest version whose readers may read this one', { pattern: '^\\d+$' }),
  },
  required: ['specversion', 'id', 'source', 'type'],
};
