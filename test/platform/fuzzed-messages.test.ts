import { expect } from 'chai';
import fc from 'fast-check';
import { platform } from '../../platform/catalogue.js';
import { readCommitted } from '../../src/contracts/committed.js';
import { publishedSchema } from '../../src/contracts/published-schema.js';
import { readMessage } from '../../src/contracts/reading.js';
import { createEvent, originContext } from '../../src/events/create.js';
import { decodeEvent } from '../../src/events/decode.js';
import { dataschemaOf } from '../../src/events/definitions.js';
import { CLOUDEVENTS_JSON } from '../../src/events/envelope.js';
import { fuzzDecode, sampleEvents } from '../events/support/fuzz-decode.js';
import { fromSchema, type Schema } from '../support/from-schema.js';
import { seed } from '../support/seed.js';

const { definitions } = platform;
const INPUTS = 6_000;
const RUNS = 30;
const versions = Object.entries(definitions).flatMap(([type, definition]) =>
  Object.keys(definition.versions).map((version) => ({ type, version: Number(version), definition })),
);

/** Data that are valid for one version of a type. */
function dataOf({ type, version, definition }: (typeof versions)[number]): fc.Arbitrary<unknown> {
  // the only recursive schema is that of any JSON
  const options = { resolve: () => ({}), isValid: () => true };
  return fromSchema(publishedSchema(type, version, definition) as Schema, options).filter(
    (data) => definition.versions[version]?.safeParse(data).success === true,
  );
}

describe('messages of every version of the platform', function () {
  this.timeout(16_000);

  it('are the same event after they were encoded and decoded', () => {
    const context = originContext({ source: 'core', subject: 'order/1', now: 0 });
    for (const each of versions.filter(({ version, definition }) => version === definition.latest)) {
      const decodes = fc.property(dataOf(each), (data) => {
        const event = createEvent(definitions, each.type, data, context);
        const message = { body: Buffer.from(JSON.stringify(event)), properties: { contentType: CLOUDEVENTS_JSON } };
        expect(decodeEvent(definitions, message)).to.deep.equal(JSON.parse(JSON.stringify(event)));
      });
      fc.assert(decodes, { seed, numRuns: RUNS });
    }
  });

  it('are read as valid data of the newest version', () => {
    for (const each of versions) {
      const { type, version } = each;
      const event = { specversion: '1.0', id: '1', source: 'core', type, time: '2026-01-01T00:00:00Z' };
      const reads = fc.property(dataOf(each), (data) => {
        const body = JSON.stringify({ ...event, dataschema: dataschemaOf(type, version), data });
        const { failure } = readMessage(definitions, { body, properties: { contentType: CLOUDEVENTS_JSON } });
        expect(failure?.message).to.equal(undefined);
      });
      fc.assert(reads, { seed, numRuns: RUNS });
    }
  });

  it(`are refused with a reason, in less than a millisecond, if they are hostile: ${INPUTS} inputs`, async () => {
    const events = sampleEvents((await readCommitted(process.cwd())).samples);
    const { accepted, refused, p99 } = fuzzDecode(definitions, { events, count: INPUTS, seed });
    expect(accepted).to.be.greaterThan(INPUTS / 10);
    expect(refused).to.include.keys(
      'contract.not_json',
      'contract.not_an_event',
      'contract.too_large',
      'contract.content_type',
      'contract.unknown_type',
      'contract.newer_version',
      'contract.invalid_data',
    );
    expect(p99, 'microseconds of CPU time, of 99 % of inputs up to 16 KiB').to.be.lessThan(1_000);
  });
});
