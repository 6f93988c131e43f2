import { expect } from 'chai';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.js';
import { developmentSettings, readSettings, withDevelopmentSettings } from '../../src/config/worker-settings.js';

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

  it('are left for the worker to transform', () => {
    const list = z.object({ hosts: z.string().transform((text) => text.split(',')) });
    const read = readSettings('payment', list, { HOSTS: 'a,b' });
    expect(list.parse(read)).to.deep.equal({ hosts: ['a', 'b'] });
  });

  it('stay text where text is wanted', () => {
    const text = z.object({ account: z.string() });
    expect(readSettings('payment', text, { ACCOUNT: '12345' })).to.deep.equal({ account: '12345' });
  });

  it('point to the sandbox in development', () => {
    const env = developmentSettings(loadConfig({ SANDBOX_PORT: '4001', SANDBOX_SMTP_PORT: '4025' }));
    expect(readSettings('payment', schema, env).gatewayUrl).to.equal('http://127.0.0.1:4001');
    expect(env.SMTP_URL).to.equal('smtp://127.0.0.1:4025');
    const SANDBOX_TOKEN = 'a/secret-of-16-characters';
    const guarded = developmentSettings(loadConfig({ SANDBOX_TOKEN, SANDBOX_HOST: 'sandbox' }));
    expect(guarded.GATEWAY_URL).to.equal('http://sandbox:a%2Fsecret-of-16-characters@sandbox:3001');
    expect(guarded.SMTP_URL).to.equal('smtp://sandbox:a%2Fsecret-of-16-characters@sandbox:3025');
    const unset = { GATEWAY_URL: '', CARRIER_URL: 'http://carrier' };
    expect(withDevelopmentSettings(loadConfig({}), unset)).to.include({
      GATEWAY_URL: 'http://127.0.0.1:3001',
      CARRIER_URL: 'http://carrier',
    });
    const open = loadConfig({ SANDBOX_TOKEN, SANDBOX_HOST: '::1', SANDBOX_SMTP_LOGIN: 'none' });
    expect(developmentSettings(open).SMTP_URL).to.equal('smtp://[::1]:3025');
  });

  it('name the variable and the worker when one is missing or wrong, without showing secrets', () => {
    expect(() => readSettings('payment', schema, {})).to.throw('GATEWAY_URL of worker payment');
    expect(() => readSettings('payment', schema, { GATEWAY_URL: 'nowhere' })).to.throw('it is "nowhere"');
    expect(() => readSettings('payment', schema, { GATEWAY_URL: 'http://g', API_KEY: 'hunter2' }))
      .to.throw('API_KEY of worker payment')
      .with.property('message')
      .that.does.not.contain('hunter2');
  });
});
