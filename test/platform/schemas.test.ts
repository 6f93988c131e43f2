import { expect } from 'chai';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { platform } from '../../platform/catalogue.js';
import * as schemas from '../../src/cli/commands/schemas/index.js';
import { upcastData } from '../../src/events/decode.js';
import type { Definitions } from '../../src/events/definitions.js';
import { runCommand } from '../support/command.js';

const { definitions } = platform;
const created = definitions['order.created'];

describe('platform: schemas', () => {
  const check = (changed: Definitions) => {
    const catalogue = { ...fleet.catalogue, definitions: { ...definitions, ...changed } };
    return runCommand({ modules: [schemas], fleet: { ...fleet, catalogue }, env: {}, cwd: process.cwd() }, [
      'schemas',
      'check',
    ]);
  };

  it('are refused with a required field of order.created without a new version, with the workers that it hurts', async () => {
    const latest = created.versions[2] as z.ZodObject;
    const versions = { ...created.versions, 2: latest.extend({ channel: z.string() }) };
    const { code, out } = await check({ 'order.created': { ...created, versions } });
    expect(code).to.equal(1);
    expect(out).to.contain('ERROR field-added-required  order.created 2  channel\n');
    expect(out).to.match(/^ {2}readers {3}.*email.*order-choreography.*order-saga/m);
    expect(out).to.contain('add version 3 of order.created with an upcaster');
  });

  it('read orders without a currency as orders in US dollars, and users without preferences with the default ones', () => {
    expect(upcastData(created, { orderId: 'o1' }, 1, 2)).to.deep.equal({ orderId: 'o1', currency: 'USD' });
    expect(upcastData(created, { currency: 'EUR' }, 1, 2)).to.deep.equal({ currency: 'EUR' });
    expect(upcastData(definitions['user.created'], { userId: 'u1' }, 1, 2)).to.deep.equal({
      userId: 'u1',
      preferences: { statusEmails: true },
    });
  });

  it('require a currency of order.created in version 2 only', () => {
    const required = ([1, 2] as const).map((version) => {
      const { shape } = created.versions[version] as z.ZodObject;
      return !(shape['currency'] instanceof z.ZodOptional);
    });
    expect(required).to.deep.equal([false, true]);
  });
});
