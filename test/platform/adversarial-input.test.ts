import { expect } from 'chai';
import { textLine } from 'flotilla';
import { z } from 'zod';
import { upcast } from '../../src/events/decode.js';
import { parseEnvelope } from '../../src/events/parse-envelope.js';
import { dataschemaOf } from '../../src/events/definitions.js';
import type { EventEnvelope } from '../../src/events/envelope.js';
import { FlotillaError } from '../../src/errors.js';
import { matches } from '../../src/events/patterns.js';
import { platform } from '../../platform/catalogue.js';
import { prepareTables } from '../../src/runtime/stores/tables-read.js';
import { routes } from '../../platform/routes.js';
import analytics from '../../workers/analytics/index.js';
import sensorAlerts from '../../workers/sensor-alerts/index.js';
import sensorAnalytics from '../../workers/sensor-analytics/index.js';
import statements from '../../workers/statements/index.js';
import inventory from '../../workers/inventory/index.js';
import orders from '../../workers/orders/index.js';
import views from '../../platform/read-models/views.js';
import { startApi, temporaryFile, type Api } from '../api/support/start.js';
import {
  adversarialText,
  adversarialTexts,
  expectLinear,
  filled,
  fillingOf,
  fillingShapes,
  textShapes,
} from '../support/adversarial.js';
import { workerDefinitionOf } from '../../src/worker/definition/worker-definition.js';

const schemas = Object.entries(platform.definitions).flatMap(([type, { versions }]) =>
  Object.entries(versions).map(([version, schema]) => ({ type, version: Number(version), schema })),
);
const served = routes({ fulfilment: 'orchestrated' }, ['sensors']);

const envelope: Omit<EventEnvelope, 'data'> = {
  specversion: '1.0',
  id: '1',
  source: 'core',
  type: 'user.created',
  subject: 'user/1',
  time: '2026-01-31T08:00:00Z',
  datacontenttype: 'application/json',
  dataschema: 'urn:flotilla:user.created:2',
  correlationid: '1',
};

/** Accepts a refusal, but only the documented one. */
function refusing(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof FlotillaError && error.code.startsWith('contract.'))) throw error;
  }
}

describe('adversarial input @slow', function () {
  this.timeout(300_000);

  for (const shape of fillingShapes) {
    it(`validates ${shape} in linear time with every schema of the catalogue, strict and open`, async () => {
      for (const { type, version, schema } of schemas) {
        await expectLinear(`${type} ${version}`, (length) => {
          const data = filled(schema, fillingOf(shape, length));
          schema.safeParse(data);
          refusing(() =>
            upcast(platform.definitions, { ...envelope, type, dataschema: dataschemaOf(type, version), data }),
          );
        });
      }
    });
  }

  it('validates every body and every field of an envelope in linear time', async () => {
    for (const shape of textShapes) {
      for (const field of ['(all)', ...Object.keys(envelope), 'causationid', 'sequence', 'traceparent']) {
        await expectLinear(`${field}: ${shape}`, (length) => {
          const text = adversarialText(shape, length - 1024);
          const body = field === '(all)' ? text : JSON.stringify({ ...envelope, [field]: text });
          refusing(() => parseEnvelope({ body: Buffer.from(body), properties: {} }));
        });
      }
    }
  });

  it('matches patterns with any number of # in polynomial time', async () => {
    await expectLinear('pattern', (length) => {
      const words = 'a.'.repeat(Math.sqrt(length));
      expect(matches(`${'#.'.repeat(Math.sqrt(length))}b`, words)).to.equal(false);
      expect(matches(`${'#.a.'.repeat(Math.sqrt(length) / 4)}b`, words)).to.equal(false);
    });
  });

  it('does not take property names of Object.prototype for event types', () => {
    for (const type of ['constructor', '__proto__', 'toString']) {
      const event = { ...envelope, type, dataschema: dataschemaOf(type, 1), data: {} };
      expect(() => upcast(platform.definitions, event))
        .to.throw(FlotillaError)
        .with.property('code', 'contract.unknown_type');
    }
  });

  describe('to the API', () => {
    let file: Awaited<ReturnType<typeof temporaryFile>>;
    let api: Api;
    before(async () => {
      file = await temporaryFile();
      api = await startApi(file.path, { routes: served, limits: { bodyBytes: 2 ** 22 } });
      const workers = [orders, views, analytics, statements, sensorAlerts, sensorAnalytics, inventory].map(
        workerDefinitionOf,
      );
      await prepareTables(api.store, { workers, projections: workers.flatMap(({ projections }) => projections) });
    });
    after(async () => {
      await api.close();
      await file.remove();
    });

    for (const { method, path, query, body: schema } of served) {
      it(`${method} ${path} responds to bodies of every shape in linear time`, async () => {
        for (const shape of fillingShapes) {
          await expectLinear(shape, async (length) => {
            if (schema === undefined) return;
            const body = JSON.stringify(filled(schema, fillingOf(shape, length / 8))); // a body has several fields
            const { status } = await api.send(method.toUpperCase(), path.replaceAll(/:\w+/g, 'x'), { body });
            expect(status, shape).to.be.within(200, 499);
          });
        }
      });

      it(`${method} ${path} responds to parameters and headers of every shape`, async () => {
        const names = Object.keys('shape' in query ? (query.shape as object) : {});
        const since = process.cpuUsage();
        for (const [shape, text] of Object.entries(adversarialTexts(4000))) {
          const sent = encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd')).slice(0, 12_000);
          const part = sent.replace(/%.?$/, '');
          const headers = ['idempotency-key', 'if-match', 'if-none-match', 'x-correlation-id', 'traceparent'];
          const targets = [
            path.replaceAll(/:\w+/g, part),
            ...['unknown', ...names].map((name) => `${path.replaceAll(/:\w+/g, 'x')}?${name}=${part}`),
          ];
          for (const target of targets) {
            const { status } = await api.send(method.toUpperCase(), target);
            expect(status, `${shape}: ${target.slice(0, 80)}`).to.be.within(200, 499);
          }
          if (!/^[\x20-\x7e]*$/.test(text)) continue;
          for (const name of headers) {
            const { status } = await api.send(method.toUpperCase(), path.replaceAll(/:\w+/g, 'x'), {
              headers: { [name]: text },
            });
            expect(status, `${shape}: ${name}`).to.be.within(200, 499);
          }
        }
        const { user, system } = process.cpuUsage(since);
        expect((user + system) / 1000).to.be.below(60_000);
      });
    }
  });
});

describe('validation of one-line text', () => {
  const line = textLine(20);
  const accepts = (text: string) => line.safeParse(text).success;

  it('accepts letters of any script and emoji', () => {
    for (const text of ['Ada', ' Ada ', 'Zoë', '李四', 'नमस्ते', '👩‍👩‍👧', 'a\u00a0b', '\ufffd']) {
      expect(accepts(text), text).to.equal(true);
    }
  });

  it('refuses every control character, line separator and lone surrogate at every position', () => {
    const refused = [
      ...Array.from({ length: 0x20 }, (_, code) => code),
      ...Array.from({ length: 0x21 }, (_, n) => 0x7f + n),
      0x2028,
      0x2029,
      0xd800,
      0xdbff,
      0xdc00,
      0xdfff,
    ].map((code) => String.fromCharCode(code));
    for (const char of refused) {
      for (const text of [char, `a${char}`, `${char}a`, `a${char}b`, ` ${char}`]) {
        expect(accepts(text), JSON.stringify(text)).to.equal(false);
      }
    }
    expect(accepts('\udc00\ud800')).to.equal(false);
    for (const blank of ['', ' ', '\u00a0 \u3000']) expect(accepts(blank)).to.equal(false);
  });

  it('does not scan a text that exceeds its maximum length', () => {
    const { error } = line.safeParse(`${' '.repeat(2 ** 20)}\n`);
    expect(error?.issues.map(({ code }) => code)).to.deep.equal(['too_big']);
  });
});

/** Syntax with the same meaning in ECMAScript, Python's `re` and RE2 (Go): no look-around, no references, no `\u`,
 *  no `\p`, no repetition over 1000. */
const PORTABLE =
  /^(?:[^\\[\](){}*+?|]|\\(?:[dDwWsS]|x[0-9a-f]{2}|[^A-Za-z0-9])|\[\^?(?:[^\\\]]|\\(?:[dws]|x[0-9a-f]{2}|[^A-Za-z0-9]))+\]|\((?:\?:|(?!\?))|\)|[*+?|]|\{\d{1,3}(?:,\d{0,3})?\})*$/u;

describe('patterns of printed schemas', () => {
  const patterns = new Map<string, string>();
  const collect = (where: string, node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === 'pattern' && typeof value === 'string') patterns.set(value, where);
      else collect(where, value);
    }
  };
  const print = (where: string, schema: z.ZodType) =>
    collect(where, z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  for (const { type, schema } of schemas) print(type, schema);
  for (const { method, path, params, query, body } of served) {
    for (const schema of [params, query, body]) if (schema !== undefined) print(`${method} ${path}`, schema);
  }

  it('are valid in the regular expressions of other languages', () => {
    expect(patterns.size).to.be.above(5);
    for (const [pattern, where] of patterns) {
      expect(pattern, where).to.match(PORTABLE);
      for (const flags of ['', 'u']) expect(() => new RegExp(pattern, flags), `${where}: ${pattern}`).not.to.throw();
    }
    for (const foreign of ['\\p{Cc}', '\\u2028', '(?=a)', '(?<n>a)', '(a)\\1', 'a{1,2000}', '[\\u0000]', '\\x{2028}']) {
      expect(foreign).not.to.match(PORTABLE);
    }
  });
});
