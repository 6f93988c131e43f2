import { expect } from 'chai';
import { startHealthServer, type CheckResult, type HealthServer } from '../../src/telemetry/health-server.js';
import { createMetrics } from '../../src/telemetry/metrics.js';

describe('the health server of a process', () => {
  let server: HealthServer;
  let broker: CheckResult;
  const metrics = createMetrics();
  const start = async (token?: string) => {
    broker = { ok: true };
    const checks = { broker: () => broker, store: () => ({ ok: true }) };
    server = await startHealthServer({ host: '127.0.0.1', port: 0, metrics, checks, ...(token && { token }) });
  };
  afterEach(() => server.close());

  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${server.url}${path}`, init);
    return { status: response.status, body: await response.text() };
  };

  it('is live, and ready when every check passes', async () => {
    await start();
    expect((await get('/livez')).status).to.equal(200);
    expect((await get('/readyz')).status).to.equal(200);
    broker = { ok: false, detail: 'connecting' };
    const { status, body } = await get('/readyz');
    expect(status).to.equal(503);
    expect(JSON.parse(body)).to.deep.equal({
      status: 'not ready',
      checks: { broker: { ok: false, detail: 'connecting' }, store: { ok: true } },
    });
    expect((await get('/livez')).status).to.equal(200);
  });

  it('serves metrics', async () => {
    await start();
    metrics.handled.inc({ worker: 'payment', outcome: 'done' });
    expect((await get('/metrics')).body).to.contain('flotilla_messages_total{worker="payment",outcome="done"}');
  });

  it('without a token, returns only the status', async () => {
    await start('a-token-of-16-characters');
    expect(JSON.parse((await get('/readyz')).body)).to.deep.equal({ status: 'ready' });
    expect((await get('/metrics')).status).to.equal(401);
    const headers = { authorization: 'Bearer a-token-of-16-characters' };
    expect((await get('/metrics', { headers })).status).to.equal(200);
    expect((await get('/readyz', { headers })).body).to.contain('broker');
  });

  it('serves no other path', async () => {
    await start();
    expect((await get('/')).status).to.equal(404);
    expect((await get('/livez', { method: 'POST' })).status).to.equal(405);
  });

  it('reports the variable when its port is in use', async () => {
    await start();
    const port = Number(new URL(server.url).port);
    const second: unknown = await startHealthServer({ host: '127.0.0.1', port, metrics, checks: {} }).catch(
      (error: unknown) => error,
    );
    expect(second).to.have.property('code', 'config.invalid');
    expect(second).to.have.property('message').that.contains('HEALTH_PORT');
  });
});
