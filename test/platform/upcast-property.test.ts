import { expect } from 'chai';
import fc from 'fast-check';
import { platform } from '../../platform/catalogue.js';
import { publishedSchema } from '../../src/contracts/published-schema.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { decodeEvent } from '../../src/events/decode.js';
import type { MessageDefinition } from '../../src/events/definition.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { FlotillaError } from '../../src/errors.js';
import { valuesBy } from '../support/schema-values.js';
import { seed } from '../support/seed.js';

const RUNS = 200;
const context = originContext({ source: 'test', subject: 'test/1' });

describe('platform: a valid event of any version', () => {
  for (const [type, definition] of Object.entries<MessageDefinition>(platform.definitions)) {
    for (let version = definition.first; version <= definition.latest; version++) {
      it(`${type} ${version} is read as a valid event of the latest version (TEST_SEED=${seed})`, () => {
        const root = publishedSchema(type, version, definition);
        let valid = 0;
        fc.assert(
          fc.property(valuesBy({ schema: root, root }), (data) => {
            const event = created(type, data, version);
            if (event === undefined) return;
            valid += 1;
            const message = { body: Buffer.from(JSON.stringify(event)), properties: { contentType: CLOUDEVENTS_JSON } };
            const read = decodeEvent(platform.definitions, message);
            expect(createEvent(platform.definitions, type, read.data, context).data).to.deep.equal(read.data);
            if (version === definition.latest) expect(read.data).to.deep.equal(JSON.parse(JSON.stringify(data)));
          }),
          { numRuns: RUNS, seed },
        );
        expect(valid, 'valid events').to.be.greaterThan(RUNS / 20);
      });
    }
  }
});

/** The event; undefined if the generated data are not valid. */
function created(type: string, data: unknown, version: number) {
  try {
    return createEvent(platform.definitions, type, data, context, version);
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'contract.invalid_data') return undefined;
    throw error;
  }
}
