import { expect } from 'chai';
import { z } from 'zod';
import fleet from '../../config/fleet.js';
import { readApiSettings } from '../../src/config/worker-settings.js';
import { platform } from '../../platform/catalogue.js';

describe('platform: the fleet', () => {
  it('fulfils new orders by a saga unless FULFILMENT is set otherwise', () => {
    const settings = fleet.api?.settings ?? z.object({});
    expect(settings.parse(readApiSettings(settings, {}))).to.deep.equal({ fulfilment: 'orchestrated' });
    const env = { FULFILMENT: 'choreographed' };
    expect(readApiSettings(settings, env)).to.deep.equal({ fulfilment: 'choreographed' });
    expect(() => readApiSettings(settings, { FULFILMENT: 'manual' }))
      .to.throw('FULFILMENT of the API')
      .with.property('message')
      .that.includes('orchestrated')
      .and.includes('choreographed')
      .and.includes('manual');
  });

  it('contains each worker once, and a worker for every command', () => {
    expect(fleet.workers.map(({ name }) => name)).to.have.members([
      'orders',
      'views',
      'analytics',
      'inventory',
      'payment',
      'shipping',
      'email',
      'order-choreography',
      'order-saga',
      'journal',
      'sensor-alerts',
      'sensor-analytics',
      'sensor-gateway',
      'statements',
    ]);
  });

  it('keeps personal data and payment tokens out of logs', () => {
    const address = ['name', 'line1', 'city', 'postalCode'].map((field) => `shippingAddress.${field}`);
    expect(platform.definitions['order.created'].pii).to.have.members(['payment.token', ...address]);
    expect(platform.definitions['payment.process'].pii).to.include('order.payment.token');
    expect(platform.definitions['user.created'].pii).to.have.members(['name', 'email']);
  });
});
