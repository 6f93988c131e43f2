import { expect } from 'chai';
import { z } from 'zod';
import { environment } from '../../src/config/schema.js';
import { masked } from '../../src/config/secrets.js';
import { showConfig, showSettings } from '../../src/config/show-config.js';

describe('config show', () => {
  it('lists every variable and the source of its value', () => {
    const shown = showConfig({ PORT: '4000' });
    expect(shown.map(({ variable }) => variable)).to.deep.equal(Object.keys(environment.shape));
    expect(shown).to.deep.include({ variable: 'PORT', value: '4000', from: 'environment' });
    expect(shown).to.deep.include({ variable: 'HOST', value: '127.0.0.1', from: 'default' });
    expect(shown).to.deep.include({ variable: 'DRAIN_TIMEOUT', value: '20s', from: 'default' });
    expect(shown).to.deep.include({ variable: 'RETRY_DELAYS', value: '', from: 'default' });
  });

  it('masks tokens, and passwords inside URLs', () => {
    const text = JSON.stringify(
      showConfig({
        API_TOKEN: 'a-token-of-hunter2',
        AMQP_URL: 'amqp://user:hunter2@rabbit:5672/x?key=hunter2',
        DATABASE_URL: 'postgres://user:hunter2:@db/{service}',
      }),
    );
    expect(text).not.to.contain('hunter2');
    expect(text).to.contain('amqp://user:••••@rabbit:5672/x?key=••••');
  });

  it('masks possible secrets in any part of a URL', () => {
    for (const [variable, url, shown] of [
      ['AMQP_URL', 'amqp://hunter2@rabbit', 'amqp://••••@rabbit'],
      ['AMQP_URL', 'amqp://hunter2:@rabbit', 'amqp://••••@rabbit'],
      ['GATEWAY_URL', 'https://sk_hunter2@gateway/v1', 'https://••••@gateway/v1'],
      ['GATEWAY_URL', 'https://sk_hunter2:@gateway/v1', 'https://••••@gateway/v1'],
      ['GATEWAY_URL', 'https://hunter2:x-oauth-basic@gateway/v1', 'https://••••@gateway/v1'],
      ['SMTP_URL', 'smtp://hunter2:hunter2@mail:587', 'smtp://••••@mail:587'],
      ['GATEWAY_URL', 'https://g/?a=hunter2&b=hunter2#hunter2', 'https://g/?a=••••&b=••••#••••'],
      ['GATEWAY_URL', 'https://g/?hunter2', 'https://g/?••••'],
      ['GATEWAY_URL', 'https://g/#token=hunter2', 'https://g/#••••'],
      ['GATEWAY_URL', 'https://g/?a=x=hunter2', 'https://g/?a=••••'],
      ['AMQP_MANAGEMENT_URL', 'http://hunter2@a,http://hunter2@b', 'http://••••@a,http://••••@b'],
    ] as const) {
      expect(masked(variable, url), url).to.equal(shown);
    }
    for (const text of ['plain', '5m', 'sqlite:data/{service}.db', 'Flotilla <no-reply@flotilla.local>', 'a?b=c']) {
      expect(masked('OTHER', text)).to.equal(text);
    }
  });

  it('masks the password of each of several URLs, also when one contains an unencoded comma', () => {
    const shown = (url: string) => showConfig({ AMQP_URL: url }).find(({ variable }) => variable === 'AMQP_URL')?.value;
    expect(shown('amqp://u:hunter2@a,amqp://v:hunter2@b/')).to.equal('amqp://u:••••@a,amqp://v:••••@b/');
    for (const url of ['amqp://u:hunt,er2@rabbit', 'amqp://u:hunt,amqp://er2@rabbit', 'amqp://u:hunter2@a,b,c']) {
      expect(masked('AMQP_URL', url), url).not.to.contain('hunt').and.not.contain('er2');
    }
  });

  it('masks by the name of the variable', () => {
    for (const name of [
      'GATEWAY_TOKEN',
      'CLIENT_SECRET',
      'SMTP_PASSWORD',
      'SIGNING_KEY',
      'TOKEN',
      'DB_PASS',
      'METRICS_TOKEN',
    ]) {
      expect(masked(name, 'hunter2'), name).not.to.contain('hunter2');
    }
    expect(masked('GATEWAY_URL', 'http://gateway')).to.equal('http://gateway');
  });
});

describe('the settings of workers and of the API', () => {
  it('are listed with their defaults from development settings or the schema, with secrets masked', () => {
    const schemas = {
      payment: z.object({ gatewayUrl: z.url(), gatewayToken: z.string().optional() }),
      'the API': z.object({ pageSize: z.int().default(20), style: z.enum(['plain', 'bold']).default('plain') }),
    };
    const env = { GATEWAY_TOKEN: 'hunter2' };
    expect(showSettings(schemas, env, { GATEWAY_URL: 'http://127.0.0.1:3001' })).to.deep.equal([
      { variable: 'GATEWAY_TOKEN', value: '••••••••', from: 'environment' },
      { variable: 'GATEWAY_URL', value: 'http://127.0.0.1:3001', from: 'default' },
      { variable: 'PAGE_SIZE', value: '20', from: 'default' },
      { variable: 'STYLE', value: 'plain', from: 'default' },
    ]);
  });
});
