import { defineFleet } from 'flotilla';
import { platform } from '#platform/catalogue.js';
import { isClosed } from '#platform/orders/status/closed.js';
import { ordersLoad } from '#platform/orders/simulation/orders.js';
import { sensorsLoad } from '#platform/sensors/simulation.js';
import { sandbox } from '#platform/sandbox/declaration.js';
import { apiEmits, apiInfo, apiSettings, routes } from '#platform/routes.js';
import * as workers from '../workers/index.js';

/** What this fleet is made of. */
export default defineFleet({
  catalogue: platform,
  workers: Object.values(workers),
  api: {
    store: 'core',
    settings: apiSettings,
    emits: apiEmits,
    info: apiInfo,
    routes,
  },
  optional: { sensors: [workers.sensorAlerts, workers.sensorAnalytics, workers.sensorGateway] },
  kafka: {
    topics: {
      'user.*': 'user-events',
      'order.*': 'order-events',
      'payment.*': 'payment-events',
      'inventory.*': 'inventory-events',
      'email.*': 'notification-events',
    },
  },
  isClosed,
  sandbox,
  simulations: { orders: ordersLoad, sensors: sensorsLoad },
  banner: ({ api, sandbox: outside }) => ({
    ...(outside !== undefined && { Mailbox: `${outside}/mailbox` }),
    ...(api !== undefined && { Try: `curl ${api}/inventory` }),
  }),
});
