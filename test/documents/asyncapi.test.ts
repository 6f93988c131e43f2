import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { asyncApi } from '../../src/documents/asyncapi/document.js';
import { asyncApiSchema } from '../../src/documents/asyncapi/payload.js';
import { describeFleet } from '../../src/documents/describe-fleet.js';
import type { Fleet } from '../../src/fleet/define-fleet.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';
import platformFleet from '../../config/fleet.js';
import { oddFleet } from './support/odd-fleet.js';

// parts of an AsyncAPI document
/* eslint-disable @typescript-eslint/no-explicit-any */
const documentOf = (fleet: Fleet, prefix = ''): any =>
  asyncApi(describeFleet(fleet, { info: { title: 'Shop', version: '1' }, prefix, samples: [] }));
const keysOf = (refs: { $ref: string }[]) => refs.map(({ $ref }) => $ref.split('/').at(-1));

describe('the AsyncAPI document of a fleet', () => {
  it('has a channel, and messages for every version, of each type of the catalogue', () => {
    for (const fleet of [platformFleet, oddFleet]) {
      const { channels, components } = documentOf(fleet);
      const versions = Object.entries(fleet.catalogue.definitions).flatMap(([type, definition]) =>
        Object.keys(definition.versions).map((version) => `${type}.${version}`),
      );
      expect(Object.keys(components.messages)).to.have.members(versions);
      for (const type of Object.keys(fleet.catalogue.definitions)) {
        expect(channels[type].address, type).to.equal(type);
        const own = versions.filter((key) => key.startsWith(`${type}.`) && !key.slice(type.length + 1).includes('.'));
        expect(Object.keys(channels[type].messages), type).to.deep.equal(own);
      }
    }
  });

  it('has both directions of every worker: the versions that it reads, and the newest version that it sends', () => {
    const { operations } = documentOf(platformFleet);
    for (const { name, handlers, handlerOf, emits } of platformFleet.workers.map(workerDefinitionOf)) {
      if (handlers.length > 0) {
        const received = keysOf(operations[`${name}.receive`].messages).map((key) => key?.replace(/\.\d+$/, ''));
        expect([...new Set(received)], name).to.have.members([...handlerOf.keys()]);
      }
      for (const type of emits) {
        const { action, channel, messages } = operations[`${name}.send.${type}`];
        expect([action, channel.$ref], name).to.deep.equal(['send', `#/channels/${type}`]);
        const latest = platformFleet.catalogue.definitions[type]?.latest ?? 0;
        expect(keysOf(messages), name).to.deep.equal([`${type}.${latest}`]);
      }
    }
    for (const type of platformFleet.api?.emits ?? []) expect(operations).to.have.property(`api.send.${type}`);
    expect(operations).to.include.keys('keeper.send.message.dead_lettered');
  });

  it('names exchange, routing keys and queues as the broker does', () => {
    const { channels, operations } = documentOf(oddFleet, 'shop-');
    expect(channels['parcel.posted'].bindings.amqp).to.deep.include({
      is: 'routingKey',
      exchange: { name: 'shop-events', type: 'topic', durable: true, autoDelete: false },
      bindingVersion: '0.3.0',
    });
    expect(channels.reader).to.deep.include({ address: 'shop-reader', 'x-routing-keys': ['parcel.return', '#'] });
    expect(channels.reader.bindings.amqp.queue.name).to.equal('shop-reader');
    expect(operations['archive.receive'].channel.$ref).to.equal('#/channels/events_log');
    expect(channels.events_log.address).to.equal('shop-events.log');
  });

  it('has only the versions that a worker reads, and says which older readers may read a version', () => {
    const { operations, components, channels } = documentOf(oddFleet);
    expect(keysOf(operations['scales.receive'].messages)).to.deep.equal(['parcel.posted.1', 'parcel.posted.2']);
    expect(Object.keys(channels.scales.messages), 'what reaches its queue').to.have.length(3);
    const { 'x-readable-from': readableFrom, examples } = components.messages['parcel.posted.2'];
    expect([readableFrom, examples[0].payload.readablefrom]).to.deep.equal([1, '1']);
  });

  it('marks personal data, external sources and named rules', () => {
    const { components } = documentOf(oddFleet);
    expect(components.schemas['parcel.posted.3']).to.deep.include({ 'x-pii': ['to'], 'x-kind': 'event' });
    expect(components.schemas['parcel.posted.3']['x-rules']).to.have.length(1);
    expect(components.messages['parcel.posted.1']['x-outside']).to.deep.equal(['https://carrier.example/a?b=<c>&d']);
  });

  it('has examples of whole messages that the payload accepts', () => {
    for (const fleet of [platformFleet, oddFleet]) {
      const document = documentOf(fleet);
      const ajv = new Ajv({ strict: false });
      addFormats.default(ajv);
      ajv.addSchema(document, 'asyncapi.json');
      for (const [key, { examples }] of Object.entries<any>(document.components.messages)) {
        const validate = ajv.compile({ $ref: `asyncapi.json#/components/messages/${key}/payload` });
        expect(examples, key).not.to.have.length(0);
        for (const { payload } of examples) {
          expect(validate(payload), `${key}: ${JSON.stringify(validate.errors)}`).to.equal(true);
          expect(validate({ ...payload, type: 'other.type' }), key).to.equal(false);
          if (key !== 'any.happened.1') expect(validate({ ...payload, data: 0 }), key).to.equal(false);
        }
      }
    }
  });

  it('has no reference into itself that leads nowhere, and few of them', () => {
    const document = documentOf(oddFleet);
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    for (const path of refs) {
      const target = path.split('/').reduce<any>((node, step) => node?.[step], document);
      expect(target, path).to.be.an('object');
    }
    // each message and schema refers to the envelope, its data and itself at most
    expect(refs.length).to.be.below(400);
  });
});

describe('a schema of AsyncAPI', () => {
  it('has the tuples and definitions of draft 7, and references from the root of the document', () => {
    const converted = asyncApiSchema(
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $id: 'urn:flotilla:a.b:1',
        type: 'object',
        properties: {
          $ref: { type: 'string' },
          items: { prefixItems: [{ $ref: '#' }], items: false },
          list: { type: 'array', items: { $ref: '#/$defs/node' } },
        },
        const: { prefixItems: ['data', { $ref: '#' }] },
        $defs: { node: { $ref: '#/$defs/node' } },
      },
      '#/at',
    );
    expect(converted).to.deep.equal({
      type: 'object',
      properties: {
        $ref: { type: 'string' },
        items: { items: [{ $ref: '#/at' }], additionalItems: false },
        list: { type: 'array', items: { $ref: '#/at/definitions/node' } },
      },
      const: { prefixItems: ['data', { $ref: '#' }] },
      definitions: { node: { $ref: '#/at/definitions/node' } },
    });
  });
});
