import { defineFleet } from 'flotilla';
import { platform } from '#platform/catalogue.js';
import { isClosed } from '#platform/orders/closed.js';
import { sandbox } from '#platform/sandbox/declaration.js';
import { apiEmits, apiInfo, apiSettings, routes } from '#platform/routes.js';
import analytics from '../workers/analytics/index.js';
import email from '../workers/email/index.js';
import inventory from '../workers/inventory/index.js';
import journal from '../workers/journal/index.js';
import orderChoreography from '../workers/order-choreography/index.js';
import orderSaga from '../workers/order-saga/index.js';
import orders from '../workers/orders/index.js';
import payment from '../workers/payment/index.js';
import shipping from '../workers/shipping/index.js';
import views from '../workers/views/index.js';

/** What this fleet is made of. */
export default defineFleet({
  catalogue: platform,
  workers: [orders, views, analytics, inventory, payment, shipping, email, orderChoreography, orderSaga, journal],
  api: { store: 'core', settings: apiSettings, emits: apiEmits, info: apiInfo, routes },
  isClosed,
  sandbox,
  banner: ({ api, sandbox: outside }) => ({
    ...(outside !== undefined && { Mailbox: `${outside}/mailbox` }),
    ...(api !== undefined && { Try: `curl ${api}/inventory` }),
  }),
});
