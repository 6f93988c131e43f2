import { CloudEvent, HTTP } from 'cloudevents';
import { expect } from 'chai';
import { z } from 'zod';
import { FlotillaError } from '../../src/errors.js';
import { decodeEvent } from '../../src/events/decode.js';
import { event } from '../../src/events/definition.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { parseEnvelope, structuredBody, type EncodedEvent } from '../../src/events/parse-envelope.js';
import { recordOfEntry } from '../../src/journal/rows.js';

const data = { n: 1 };
const shape = z.strictObject({ n: z.int() });
const definitions = {
  'job.done': event({ 1: shape }),
  'job.moved': event({ 1: shape, 2: z.strictObject({ m: z.int() }) }, { 1: ({ n }) => ({ m: n }) }),
};
const required = { specversion: '1.0', id: 'e1', source: 'erp', type: 'job.done' };

/** In structured mode. */
const structured = (attributes: object, properties: EncodedEvent['properties'] = {}): EncodedEvent => ({
  body: Buffer.from(JSON.stringify({ ...required, time: '2026-01-31T10:00:00Z', data, ...attributes })),
  properties: { contentType: `${CLOUDEVENTS_JSON}; charset=utf-8`, ...properties },
});
/** In binary mode. */
const binary = (attributes: object, prefix = 'cloudEvents:', contentType: string | undefined = 'application/json') => {
  const all = Object.entries({ ...required, time: '2026-01-31T10:00:00Z', ...attributes });
  const headers = Object.fromEntries(all.map(([name, value]) => [`${prefix}${name}`, value as unknown]));
  return { body: Buffer.from(JSON.stringify(data)), properties: { contentType, headers } };
};
const refusal = (message: EncodedEvent): string => {
  try {
    decodeEvent(definitions, message);
    return 'accepted';
  } catch (error) {
    if (error instanceof FlotillaError) return `${error.code}: ${error.message}`;
    throw error;
  }
};

describe('an event of a foreign publisher', () => {
  it('requires only the required attributes of CloudEvents, and a time', () => {
    const message = structured({ time: undefined }, { timestamp: 1_769_853_600 });
    const decoded = decodeEvent(definitions, message);
    expect(decoded).to.deep.equal({
      ...required,
      time: '2026-01-31T10:00:00.000Z',
      subject: 'event/e1',
      correlationid: 'e1',
      datacontenttype: 'application/json',
      dataschema: 'urn:flotilla:job.done:1',
      data,
    });
    expect(decodeEvent(definitions, message), 'the same at the next delivery').to.deep.equal(decoded);
  });

  it('is rejected with the name of an attribute that cannot be determined', () => {
    expect(refusal(structured({ time: undefined }))).to.match(/^contract\.not_an_event: .* time: missing/);
    expect(refusal(structured({ type: 'job.moved' }))).to.match(
      /^contract\.not_an_event: .* dataschema: missing; job\.moved has 2 versions, send urn:flotilla:job\.moved:<version>/,
    );
    expect(refusal(structured({ dataschema: 'https://example.org/job.json' }))).to.contain('dataschema: "https://');
    for (const name of Object.keys(required)) {
      expect(refusal(structured({ [name]: undefined })), name).to.match(
        new RegExp(`^contract\\.not_an_event.* ${name}: `),
      );
    }
    expect(refusal(structured({ subject: '' }))).to.match(/^contract\.not_an_event.* subject: /);
    expect(refusal(structured({ time: 'yesterday' }))).to.match(/^contract\.not_an_event.* time: /);
    expect(refusal(structured({ datacontenttype: 'text/xml' }))).to.match(/^contract\.content_type.* datacontenttype /);
    expect(refusal(binary({}, 'cloudEvents:', 'text/xml'))).to.match(/^contract\.content_type.* the content type /);
    expect(refusal({ ...binary({}), properties: { contentType: 'application/json' } })).to.match(
      /^contract\.content_type/,
    );
  });

  it('may have its time in any form of RFC 3339', () => {
    const forms = {
      '2026-01-31t10:00:00z': '2026-01-31T10:00:00Z',
      '2026-01-31 10:00:00.5+01:00': '2026-01-31T10:00:00.5+01:00',
      '2026-01-31T10:00:00.123456789-00:00': '2026-01-31T10:00:00.123456789-00:00',
      '2016-12-31T23:59:60Z': '2016-12-31T23:59:59.999Z',
    };
    for (const [given, time] of Object.entries(forms)) {
      expect(parseEnvelope(structured({ time: given })).time, given).to.equal(time);
      expect(Date.parse(time), time).not.to.be.NaN;
    }
    for (const time of ['2026-02-30T10:00:00Z', '2026-01-31T10:00:00', '2026-01-31', '2026-01-31T25:00:00Z']) {
      expect(refusal(structured({ time })), time).to.match(/^contract\.not_an_event.* time: /);
    }
  });

  it('may have null for absent attributes, and its data as Base64', () => {
    expect(parseEnvelope(structured({ subject: null, dataschema: null, traceparent: null }))).to.include({
      subject: 'event/e1',
      dataschema: '',
    });
    const encoded = Buffer.from(JSON.stringify(data)).toString('base64');
    expect(parseEnvelope(structured({ data: undefined, data_base64: encoded })).data).to.deep.equal(data);
    expect(refusal(structured({ data_base64: encoded }))).to.contain('only one may be set');
  });

  it('may be in binary mode, with header names of the AMQP binding or of Knative', () => {
    const expected = decodeEvent(definitions, structured({ subject: 'job/1' }));
    for (const prefix of ['cloudEvents:', 'cloudEvents_', 'ce-']) {
      expect(decodeEvent(definitions, binary({ subject: 'job/1' }, prefix)), prefix).to.deep.equal(expected);
    }
    const typed = binary({ time: { '!': 'timestamp', value: 1_769_853_600 }, sequence: 5, data: 'ignored' });
    expect(parseEnvelope(typed)).to.deep.include({ time: '2026-01-31T10:00:00.000Z', sequence: '5', data });
  });

  it('has the attributes of the structured body where headers differ', () => {
    const { headers } = binary({ source: 'core', id: 'other' }).properties;
    expect(parseEnvelope(structured({}, { headers }))).to.include({ source: 'erp', id: 'e1' });
  });

  it('may be created by the CloudEvents SDK, in both modes', () => {
    const made = new CloudEvent({ ...required, subject: 'job/1', data, datacontenttype: 'application/json' });
    for (const { headers, body } of [HTTP.structured(made), HTTP.binary(made)]) {
      const { 'content-type': contentType, ...rest } = headers as Record<string, string>;
      const decoded = decodeEvent(definitions, {
        body: Buffer.from(body as string),
        properties: { contentType, headers: rest },
      });
      expect(decoded).to.deep.include({ id: 'e1', subject: 'job/1', time: made.time, data });
    }
  });

  it('is converted to structured mode where it is stored without its headers', () => {
    const message = binary({ subject: 'job/1' });
    const entry = { ...message, offset: 1, exchange: 'events', routingKey: 'job.done', done: () => undefined };
    const record = recordOfEntry(entry as unknown as Parameters<typeof recordOfEntry>[0]);
    const stored = { body: Buffer.from(record?.body ?? ''), properties: { contentType: CLOUDEVENTS_JSON } };
    expect(decodeEvent(definitions, stored)).to.deep.equal(decodeEvent(definitions, message));
    const own = structured({ extra: 'x' });
    expect(structuredBody(own, parseEnvelope(own))).to.equal(own.body.toString());
  });
});
