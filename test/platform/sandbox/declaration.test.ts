import { expect } from 'chai';
import fleet from '../../../config/fleet.js';
import { requireToken } from '../../../src/config/load-config.js';
import { readSandboxSettings, withDevelopmentSettings } from '../../../src/config/worker-settings.js';

describe('sandbox: its declaration', () => {
  const settings = (env: NodeJS.ProcessEnv) => withDevelopmentSettings(fleet, env);

  it('provides the development settings of workers for external services', () => {
    expect(settings({ SANDBOX_PORT: '4001', SANDBOX_SMTP_PORT: '4025' })).to.include({
      GATEWAY_URL: 'http://127.0.0.1:4001',
      CARRIER_URL: 'http://127.0.0.1:4001',
      SMTP_URL: 'smtp://127.0.0.1:4025',
    });
    const SANDBOX_TOKEN = 'a/secret-of-16-characters';
    const guarded = settings({ SANDBOX_TOKEN, SANDBOX_HOST: 'sandbox' });
    expect(guarded.GATEWAY_URL).to.equal('http://sandbox:a%2Fsecret-of-16-characters@sandbox:3001');
    expect(guarded.SMTP_URL).to.equal('smtp://sandbox:a%2Fsecret-of-16-characters@sandbox:3025');
    expect(settings({ GATEWAY_URL: '', CARRIER_URL: 'http://carrier' })).to.include({
      GATEWAY_URL: 'http://127.0.0.1:3001',
      CARRIER_URL: 'http://carrier',
    });
    const open = settings({ SANDBOX_TOKEN, SANDBOX_HOST: '::1', SANDBOX_SMTP_LOGIN: 'none' });
    expect(open.SMTP_URL).to.equal('smtp://[::1]:3025');
  });

  it('requires SANDBOX_TOKEN or API_TOKEN when other machines can reach it', () => {
    const refusal = (env: NodeJS.ProcessEnv, host: string) => {
      if (fleet.sandbox === undefined) throw new Error('the fleet has no sandbox');
      const { token, tokenVariables } = readSandboxSettings(fleet.sandbox, env);
      try {
        requireToken(token, tokenVariables, { host, place: 'HOST' });
        return 'none';
      } catch (error) {
        return String(error);
      }
    };
    const token = 'a-token-of-16-characters';
    expect(refusal({}, '0.0.0.0')).to.contain('SANDBOX_TOKEN or API_TOKEN must be set');
    expect(refusal({ SANDBOX_TOKEN: token }, '0.0.0.0')).to.equal('none');
    expect(refusal({ API_TOKEN: token }, '0.0.0.0')).to.equal('none');
    expect(refusal({}, '127.0.0.1')).to.equal('none');
  });

  for (const [variable, value, message] of [
    ['SANDBOX_PORT', '70000', 'SANDBOX_PORT of the sandbox'],
    ['SANDBOX_TOKEN', 'short', 'must be at least 16 characters'],
    ['SANDBOX_SMTP_LOGIN', 'maybe', 'SANDBOX_SMTP_LOGIN of the sandbox'],
  ] as const) {
    it(`rejects ${variable}=${value}`, () => {
      expect(() => settings({ [variable]: value })).to.throw(message);
    });
  }
});
