import { expect } from 'chai';
import { CloudEvent, HTTP } from 'cloudevents';
import { exampleData } from '../../src/contracts/example-data.js';
import { decodeEvent } from '../../src/events/decode.js';
import { dataschemaOf } from '../../src/events/definitions.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { originContext } from 'flotilla';
import { platform } from '../../platform/catalogue.js';

const { definitions } = platform;
const versions = Object.entries(definitions).flatMap(([type, definition]) =>
  Object.keys(definition.versions).map((version) => ({ type, version: Number(version), definition })),
);
const dataOf = ({ type, version, definition }: (typeof versions)[number]) => exampleData(type, version, definition, []);

/** Reads a message as the official SDK does, which validates it. */
const readBySdk = (body: string) => {
  const event = HTTP.toEvent({ headers: { 'content-type': CLOUDEVENTS_JSON }, body });
  if (!(event instanceof CloudEvent)) throw new Error('The SDK read a batch');
  return event;
};

describe('messages on the wire and the CloudEvents SDK', () => {
  it('agree on every message type that the platform publishes', () => {
    for (const each of versions.filter(({ version, definition }) => version === definition.latest)) {
      const [data] = dataOf(each);
      const context = originContext({ source: 'core', subject: `${each.type}/1` });
      const made = { ...platform.create(each.type as never, data, context), sequence: '1' };
      const read = readBySdk(JSON.stringify(made));
      expect(read.validate(), each.type).to.equal(true);
      expect(JSON.parse(JSON.stringify(read)), each.type).to.deep.equal(JSON.parse(JSON.stringify(made)));
    }
  });

  it('agree on every version that a foreign publisher sends with the SDK, in both modes', () => {
    for (const each of versions) {
      const dataschema = dataschemaOf(each.type, each.version);
      for (const data of dataOf(each)) {
        const sent = new CloudEvent({
          type: each.type,
          source: 'https://erp.example.org',
          dataschema,
          data,
          tenant: 'eu',
        });
        for (const { headers, body } of [HTTP.structured(sent), HTTP.binary(sent)]) {
          const { 'content-type': contentType, ...attributes } = headers as Record<string, string>;
          const message = { body: Buffer.from(body as string), properties: { contentType, headers: attributes } };
          const decoded = decodeEvent(definitions, message);
          expect(decoded, dataschema).to.include({ id: sent.id, type: each.type, source: sent.source });
          expect(
            each.definition.versions[each.definition.latest]?.safeParse(decoded.data).success,
            dataschema,
          ).to.equal(true);
        }
      }
    }
  });

  it('accept unknown fields of data, a charset and absent optional attributes', () => {
    for (const each of versions) {
      const [data] = dataOf(each);
      const required = {
        specversion: '1.0',
        id: 'e1',
        source: 'https://erp.example.org',
        type: each.type,
        time: '2026-01-31T08:00:00Z',
        dataschema: dataschemaOf(each.type, each.version),
        datacontenttype: 'application/json; charset=utf-8',
        data: { ...(data as object), laterField: { nested: [1] } },
      };
      expect(readBySdk(JSON.stringify(required)).validate(), each.type).to.equal(true);
      // the SDK refuses the charset of structured mode, which RFC 9110 allows
      const contentType = `${CLOUDEVENTS_JSON}; charset=UTF-8`;
      const decoded = platform.decode(Buffer.from(JSON.stringify(required)), contentType);
      expect(decoded, each.type).to.include({ subject: 'event/e1', correlationid: 'e1' });
    }
  });
});
