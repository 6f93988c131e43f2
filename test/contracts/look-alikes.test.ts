import { expect } from 'chai';
import { z } from 'zod';
import { platform } from '../../platform/catalogue.js';
import { checkCatalogue } from '../../src/contracts/gate.js';
import { lookAlikesOf } from '../../src/contracts/look-alikes.js';
import { command, event } from '../../src/events/definition.js';

const [fact, request] = [event({ 1: z.strictObject({}) }), command({ 1: z.strictObject({}) })];

describe('names that look alike', () => {
  for (const [name, other] of [
    ['order.created', 'order.create'],
    ['order.created', 'order.creates'],
    ['order.cancelled', 'order.canceled'],
    ['payment.processed', 'payment.process'],
    ['order.cancelled', 'order.cancel'],
    ['order.created', 'orders.created'],
    ['box.moved', 'boxes.moved'],
    ['delivery.planned', 'deliveries.planned'],
    ['sensor.room.read', 'sensor.rooms.read'],
    ['order.shipped', 'order.shiped'],
  ] as const) {
    it(`are reported for the events ${name} and ${other}`, () => {
      const definitions = { [name]: fact, [other]: fact };
      expect(lookAlikesOf(name, definitions)).to.deep.equal([other]);
      expect(lookAlikesOf(other, definitions)).to.deep.equal([name]);
    });
  }

  it('are not reported for a command and its event, or for other words', () => {
    const definitions = {
      'shipment.create': request,
      'shipment.created': fact,
      'payment.process': request,
      'payment.processed': fact,
      'door.opened': fact,
      'door.closed': fact,
      'day.won': fact,
      'pay.won': fact,
      'order.line.added': fact,
      'order.added': fact,
      'stage1.passed': fact,
      'stage2.passed': fact,
    };
    for (const type of Object.keys(definitions)) expect(lookAlikesOf(type, definitions), type).to.deep.equal([]);
    expect(lookAlikesOf('shipments.create', { ...definitions, 'shipments.create': request })).to.deep.equal([
      'shipment.create',
    ]);
  });

  it('are one warning of the gate for each pair, and none in the platform', () => {
    const definitions = { 'order.created': fact, 'order.create': fact };
    expect(checkCatalogue(definitions, { schemas: [], samples: [] }).findings).to.deep.equal([
      {
        rule: 'name-look-alike',
        severity: 'warning',
        type: 'order.created',
        version: 1,
        pointer: '/$id',
        field: '',
        backward: 'warns',
        forward: 'warns',
        why: 'Its name is easily confused with order.create.',
        remedy: 'Rename the newer type, or permit both names in schemas/exceptions.json.',
      },
    ]);
    expect(checkCatalogue(platform.definitions, { schemas: [], samples: [] }).findings).to.deep.equal([]);
  });
});
