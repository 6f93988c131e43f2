import { expect } from 'chai';
import { databaseUrlFor, loadConfig, requireTokens } from '../../src/config/load-config.js';
import { FlotillaError } from '../../src/errors.js';

describe('the configuration', () => {
  it('requires no variable', () => {
    const config = loadConfig({});
    expect(config).to.deep.include({
      amqpUrl: undefined,
      brokerWait: 0,
      prefix: '',
      databaseUrl: 'sqlite:data/{service}.db',
      host: '127.0.0.1',
      port: 3000,
      drainTimeout: 20_000,
      logFormat: 'json',
    });
    expect(databaseUrlFor(config, 'core')).to.equal('sqlite:data/core.db');
  });

  it('parses durations, lists and numbers', () => {
    const config = loadConfig({
      RETRY_DELAYS: '250ms, 1s,2m',
      WORKERS: 'payment, shipping',
      DRAIN_TIMEOUT: '1m',
      SAGA_TIMEOUT: '90s',
      SAGA_RETRY_DELAYS: '0s, 5s',
      RELAY_WINDOW: '10',
      DATA_DIR: '/var/lib/flotilla',
    });
    expect(config.retryDelays).to.deep.equal([250, 1000, 120_000]);
    expect(config.workers).to.deep.equal(['payment', 'shipping']);
    expect(config.drainTimeout).to.equal(60_000);
    expect(config.sagas).to.deep.equal({ timeout: 90_000, retryDelays: [0, 5000] });
    expect(config.relay.window).to.equal(10);
    expect(config.databaseUrl).to.equal('sqlite:/var/lib/flotilla/{service}.db');
  });

  it('treats an empty variable as unset', () => {
    expect(loadConfig({ AMQP_URL: '', API_TOKEN: '', PORT: '' }).port).to.equal(3000);
  });

  it('accepts MQTT over TLS with its files, beside MQTT without it', () => {
    const tls = { MQTT_TLS_PORT: '8883', MQTT_TLS_CERT: '/a.pem', MQTT_TLS_KEY: '/a.key' };
    expect(loadConfig({ MQTT_PORT: '1883', ...tls }).mqtt).to.deep.equal({
      host: '127.0.0.1',
      port: 1883,
      tls: { port: 8883, certificate: '/a.pem', key: '/a.key' },
    });
    expect(failure(tls).message).to.contain('MQTT_TLS_PORT needs MQTT_PORT');
    expect(failure({ MQTT_PORT: '1883', MQTT_TLS_PORT: '8883' }).message).to.contain(
      'needs MQTT_TLS_CERT and MQTT_TLS',
    );
  });

  it('logs text to a terminal and JSON otherwise, unless configured', () => {
    expect(loadConfig({}, { terminal: true }).logFormat).to.equal('text');
    expect(loadConfig({ LOG_FORMAT: 'json' }, { terminal: true }).logFormat).to.equal('json');
  });

  it('derives the management API from the broker', () => {
    expect(loadConfig({ AMQP_URL: 'amqp://rabbit.example:5673/vhost' }).managementUrl).to.equal(
      'http://guest:guest@rabbit.example:15672',
    );
    expect(loadConfig({ AMQP_URL: 'amqps://u:p%40@rabbit.example' }).managementUrl).to.equal(
      'https://u:p%40@rabbit.example:15671',
    );
  });

  it('accepts the URLs of several nodes, and derives the management API of each', () => {
    const config = loadConfig({ AMQP_URL: 'amqp://u:p%2C1@a:5672/shop, amqp://u:p%2C1@b/shop' });
    expect(config.amqpUrl).to.equal('amqp://u:p%2C1@a:5672/shop,amqp://u:p%2C1@b/shop');
    expect(config.managementUrl).to.equal('http://u:p%2C1@a:15672,http://u:p%2C1@b:15672');
    expect(loadConfig({ AMQP_MANAGEMENT_URL: 'http://a:1,https://b:2' }).managementUrl).to.equal(
      'http://a:1,https://b:2',
    );
  });

  const wrong: [Record<string, string>, string][] = [
    [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535, not "http"'],
    [{ PORT: '65536' }, 'PORT must be a whole number from 0 to 65535, not "65536"'],
    [{ RELAY_WINDOW: '0' }, 'RELAY_WINDOW must be a whole number from 1 to 100000, not "0"'],
    [{ RELAY_WINDOW: '-1' }, 'RELAY_WINDOW must be a whole number from 1 to 100000, not "-1"'],
    [
      { SAGA_TIMEOUT: '0s' },
      "SAGA_TIMEOUT must be a duration such as '250ms', '10s', '5m' or '1h', from 1ms to 365d, not \"0s\"",
    ],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL must be one of error, warn, info, debug, not "loud"'],
    [{ RETRY_DELAYS: '1s,soon' }, 'RETRY_DELAYS must be 1 to 30 durations with commas between them'],
    [{ RETRY_DELAYS: '0s' }, 'each from 1ms to 49d'],
    [{ RETRY_DELAYS: '0.5ms' }, 'each from 1ms to 49d'],
    [{ RETRY_DELAYS: '50d' }, 'each from 1ms to 49d'],
    [{ RETRY_DELAYS: '1s,'.repeat(31) }, 'RETRY_DELAYS must be 1 to 30 durations'],
    [{ SAGA_TIMEOUT: '999999999d' }, 'from 1ms to 365d'],
    [{ BREAKER_HALF_OPEN_AFTER: '30d' }, 'at most 24d'],
    [{ DRAIN_TIMEOUT: '30d' }, 'at most 24d'],
    [{ STREAM_MAX_AGE: '0D' }, 'STREAM_MAX_AGE must be a number from 1 to 99999'],
    [{ WORKERS: ', ,' }, 'WORKERS must be names'],
    [{ DRAIN_TIMEOUT: '20' }, 'DRAIN_TIMEOUT must be a duration such as'],
    [{ AMQP_URL: 'http://rabbit' }, 'AMQP_URL must be a URL that begins with amqp:// or amqps://'],
    [
      { AMQP_URL: 'amqp://a,b:5672' },
      'AMQP_URL must be a URL that begins with amqp:// or amqps://, or several of them',
    ],
    [{ AMQP_URL: 'amqp://a/one,amqp://b/two' }, 'AMQP_URL must name the same virtual host in every URL'],
    [{ AMQP_URL: 'amqp://a/%zz' }, 'AMQP_URL must be a URL that begins with amqp:// or amqps://'],
    [{ AMQP_MANAGEMENT_URL: 'http://a,amqp://b' }, 'AMQP_MANAGEMENT_URL must be a URL that begins with http://'],
    [{ DATABASE_URL: 'sqlite:one.db' }, 'DATABASE_URL must be sqlite:<path with {service}> or postgres://…'],
    [{ API_TOKEN: 'short' }, 'API_TOKEN must be at least 16 characters'],
    [{ CORS_ORIGINS: '*' }, 'CORS_ORIGINS must be origins with commas between them'],
    [{ CORS_ORIGINS: 'https://shop.example.org/' }, 'CORS_ORIGINS must be origins'],
    [{ CORS_ORIGINS: 'https://*.example.org' }, 'CORS_ORIGINS must be origins'],
    [{ CORS_ORIGINS: 'null' }, 'CORS_ORIGINS must be origins'],
    [{ TRUSTED_PROXIES: 'loopback' }, 'TRUSTED_PROXIES must be addresses or networks'],
    [{ TRUSTED_PROXIES: '10.0.0.0/33' }, 'TRUSTED_PROXIES must be addresses or networks'],
    [{ FLOTILLA_PREFIX: 'a b' }, 'FLOTILLA_PREFIX must be lower-case letters'],
  ];
  for (const [env, message] of wrong) {
    it(`reports the error of ${JSON.stringify(env)} on one line`, () => {
      const error = failure(env);
      expect(error.code).to.equal('config.invalid');
      expect(error.message).to.contain(message).and.not.contain('\n');
    });
  }

  it('requires a token for each server that other machines can reach, its own or that of the API', () => {
    const token = 'a-token-of-16-characters';
    const refusal = (env: Record<string, string>, server: Parameters<typeof requireTokens>[1][number]) => {
      try {
        requireTokens(loadConfig(env), [server]);
        return 'none';
      } catch (error) {
        return String(error);
      }
    };
    const open = { HOST: '0.0.0.0' };
    expect(refusal(open, 'api')).to.contain(
      'API_TOKEN must be set, because HOST (0.0.0.0) is reachable from other machines',
    );
    expect(refusal(open, 'health')).to.contain('METRICS_TOKEN or API_TOKEN must be set');
    expect(refusal({ HEALTH_HOST: '::' }, 'health')).to.contain('HEALTH_HOST or HOST (::)');
    expect(refusal({ ...open, METRICS_TOKEN: token }, 'api')).to.contain('API_TOKEN');
    for (const server of ['api', 'health'] as const) {
      expect(refusal({ ...open, API_TOKEN: token }, server)).to.equal('none');
      expect(refusal({ HOST: '127.0.0.1' }, server)).to.equal('none');
    }
    expect(refusal({ HEALTH_HOST: '0.0.0.0', METRICS_TOKEN: token }, 'health')).to.equal('none');
    expect(refusal({ ...open, HEALTH_HOST: '127.0.0.1' }, 'health')).to.equal('none');
  });

  it('never contains a secret in an error', () => {
    const secrets = {
      API_TOKEN: 'hunter2',
      AMQP_URL: 'amqp://user:hunter2@rabbit,amqq://user:hunter2@rabbit',
      DATABASE_URL: 'postgre://user:hunter2@db',
      AMQP_MANAGEMENT_URL: 'hunter2',
    };
    for (const [variable, value] of Object.entries(secrets)) {
      expect(failure({ [variable]: value }).message)
        .to.contain(variable)
        .and.not.contain('hunter2');
    }
  });
});

function failure(env: Record<string, string>): FlotillaError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof FlotillaError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
