import { expect } from 'chai';
import { z } from 'zod';
import { readSettings, withDevelopmentSettings } from '../../src/config/worker-settings.js';
import type { Sandbox } from '../../src/fleet/sandbox.js';

describe("a worker's settings", () => {
  const schema = z.object({
    gatewayUrl: z.url(),
    maxTries: z.number().default(3),
    apiKey: z.string().min(20).optional(),
  });

  it('are read from the environment by their names', () => {
    expect(readSettings('payment', schema, { GATEWAY_URL: 'http://gateway', MAX_TRIES: '5' })).to.deep.equal({
      gatewayUrl: 'http://gateway',
      maxTries: 5,
    });
  });

  it('are passed unparsed to the transforms of the worker', () => {
    const list = z.object({ hosts: z.string().transform((text) => text.split(',')) });
    const read = readSettings('payment', list, { HOSTS: 'a,b' });
    expect(list.parse(read)).to.deep.equal({ hosts: ['a', 'b'] });
  });

  it('remain text for a text schema', () => {
    const text = z.object({ account: z.string() });
    expect(readSettings('payment', text, { ACCOUNT: '12345' })).to.deep.equal({ account: '12345' });
  });

  it('default to those that the sandbox declares', () => {
    const sandbox: Sandbox = {
      settings: z.object({ port: z.int().default(3001), token: z.string().optional(), shared: z.string().optional() }),
      ports: ['port'],
      tokens: ['token', 'shared'],
      workerSettings: ({ port = 3001 }, token) => ({
        GATEWAY_URL: `http://${token ?? 'none'}@sandbox:${String(port)}`,
      }),
      start: () => Promise.reject(new Error('not reached')),
    };
    const url = (env: NodeJS.ProcessEnv) => withDevelopmentSettings({ sandbox }, env).GATEWAY_URL;
    expect(url({})).to.equal('http://none@sandbox:3001');
    expect(url({ PORT: '4001', SHARED: 's', GATEWAY_URL: '' })).to.equal('http://s@sandbox:4001');
    expect(url({ TOKEN: 't', SHARED: 's' })).to.equal('http://t@sandbox:3001');
    expect(url({ GATEWAY_URL: 'http://gateway' })).to.equal('http://gateway');
    expect(withDevelopmentSettings({}, { GATEWAY_URL: '' })).to.deep.equal({});
    expect(() => url({ PORT: 'none' })).to.throw('PORT of the sandbox');
  });

  it('name the variable and the worker when one is missing or invalid, without secrets', () => {
    expect(() => readSettings('payment', schema, {})).to.throw('GATEWAY_URL of worker payment');
    expect(() => readSettings('payment', schema, { GATEWAY_URL: 'nowhere' })).to.throw('it is "nowhere"');
    expect(() => readSettings('payment', schema, { GATEWAY_URL: 'http://g', API_KEY: 'hunter2' }))
      .to.throw('API_KEY of worker payment')
      .with.property('message')
      .that.does.not.contain('hunter2');
  });
});
