import type { Route } from 'flotilla';
import { accountRoutes } from './accounts/routes.js';
import { accountSummaryRoutes } from './accounts/summary.js';
import { inventoryRoutes } from './inventory/routes.js';
import { orderRoutes } from './orders/routes.js';
import { orderSagaRoute } from './orders/saga-route.js';
import { statisticsRoutes } from './statistics/routes.js';
import { userRoutes } from './users/routes.js';

/** What the API of this platform serves. */
export const routes: readonly Route[] = [
  ...userRoutes,
  ...orderRoutes,
  orderSagaRoute,
  ...accountRoutes,
  ...accountSummaryRoutes,
  ...inventoryRoutes,
  ...statisticsRoutes,
];
