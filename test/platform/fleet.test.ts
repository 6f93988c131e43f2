import { expect } from 'chai';
import fleet from '../../config/fleet.js';
import { platform } from '../../src/platform/catalogue.js';

describe('platform: the fleet', () => {
  it('has every worker once, and a worker for every command', () => {
    expect(fleet.workers.map(({ name }) => name)).to.have.members([
      'orders',
      'views',
      'analytics',
      'inventory',
      'payment',
      'shipping',
      'email',
      'order-choreography',
      'journal',
    ]);
  });

  it('keeps personal data and payment tokens out of logs', () => {
    const address = ['name', 'line1', 'city', 'postalCode'].map((field) => `shippingAddress.${field}`);
    expect(platform.definitions['order.created'].pii).to.have.members(['payment.token', ...address]);
    expect(platform.definitions['payment.process'].pii).to.include('order.payment.token');
    expect(platform.definitions['user.created'].pii).to.have.members(['name', 'email']);
  });
});
