import type { Route } from 'flotilla';
import { z } from 'zod';
import { account } from './accounts/account.js';
import { accountRoutes } from './accounts/routes.js';
import { accountSummaryRoutes } from './accounts/summary.js';
import { fulfilment } from './orders/fulfilment.js';
import { inventoryRoutes } from './inventory/routes.js';
import { order } from './orders/order.js';
import { orderRoutes } from './orders/routes.js';
import { orderSagaRoute } from './orders/saga-route.js';
import { statisticsRoutes } from './statistics/routes.js';
import { user } from './users/user.js';
import { userRoutes } from './users/routes.js';

export const apiSettings = z.object({
  /** Who fulfils the orders that come in; each keeps to what it began with. */
  fulfilment: fulfilment.default('orchestrated'),
});

type ApiSettings = z.output<typeof apiSettings>;

/** The types that the routes append. */
export const apiEmits = [...user.events, ...order.events, ...account.events, 'inventory.adjust'] as const;

/** What the API of this platform serves. */
export const routes = (settings: ApiSettings): readonly Route[] => [
  ...userRoutes,
  ...orderRoutes(settings),
  orderSagaRoute,
  ...accountRoutes,
  ...accountSummaryRoutes,
  ...inventoryRoutes,
  ...statisticsRoutes,
];
