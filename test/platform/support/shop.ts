import { join } from 'node:path';
import { routes } from '../../../platform/routes.js';
import { generator } from '../../../src/testing/simulation/seeded.js';
import analytics from '../../../workers/analytics/index.js';
import inventory from '../../../workers/inventory/index.js';
import orderSaga from '../../../workers/order-saga/index.js';
import orders from '../../../workers/orders/index.js';
import { createGateway } from '../../../workers/payment/gateway.js';
import payment from '../../../workers/payment/index.js';
import { createCarrier } from '../../../workers/shipping/carrier.js';
import shipping from '../../../workers/shipping/index.js';
import sensorAlerts from '../../../platform/sensors/sensor-alerts.js';
import sensorAnalytics from '../../../platform/sensors/sensor-analytics.js';
import statements from '../../../platform/read-models/statements.js';
import views from '../../../platform/read-models/views.js';
import { startApi, type Api } from '../../api/support/start.js';
import { startIn, temporaryDirectory } from '../sandbox/support/start.js';
import { simulatedFleet } from './simulated-fleet.js';

export interface Shop {
  api: Api;
  /** A folder for files of the test. */
  folder: string;
  /** Delivers one event; false once everything has been handled. */
  step: () => Promise<boolean>;
  close: () => Promise<void>;
}

/** The API, with the workers that fulfil an order and the sandbox's gateway and carrier, in this process. */
export async function startShop(): Promise<Shop> {
  const folder = await temporaryDirectory();
  const sandbox = await startIn(join(folder.path, 'sandbox'));
  const use = {
    payment: { gateway: createGateway(sandbox.url) },
    shipping: { carrier: createCarrier(sandbox.url) },
  };
  const readers = [views, statements, sensorAlerts, sensorAnalytics, analytics];
  const workers = [orders, ...readers, inventory, payment, shipping, orderSaga];
  const fleet = await simulatedFleet(workers, { use, random: generator(1) });
  const api = await startApi(fleet.path('core'), { routes: routes({ fulfilment: 'orchestrated' }, ['sensors']) });
  return {
    api,
    folder: folder.path,
    step: () => fleet.step(),
    async close() {
      await api.close();
      await fleet.stop();
      await sandbox.close();
      await folder.remove();
    },
  };
}
