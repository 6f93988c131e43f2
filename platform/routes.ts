import type { ApiInfo, Route } from 'flotilla/http';
import { z } from 'zod';
import { accountRoutes } from './accounts/routes.js';
import { statementRoutes } from './accounts/statement-routes.js';
import { accountSummaryRoutes } from './accounts/summary-routes.js';
import { fulfilment } from './orders/fulfilment/fulfilment.js';
import { inventoryRoutes } from './inventory/routes.js';
import { orderRoutes } from './orders/api/routes.js';
import { orderSagaRoute } from './orders/api/saga-route.js';
import { sensorRoutes } from './sensors/routes.js';
import { statisticsRoutes } from './statistics/routes.js';
import { userRoutes } from './users/routes.js';

export const apiSettings = z.object({
  fulfilment: fulfilment
    .default('orchestrated')
    .describe('How new orders are fulfilled; an order keeps the mode it started with.'),
});

type ApiSettings = z.output<typeof apiSettings>;

export const apiInfo = {
  title: 'Flotilla shop',
  description:
    'Users, orders, accounts, stock and statistics of a shop whose work is done by event-driven workers. Amounts are whole numbers of minor units (cents) with an ISO 4217 currency. Errors are problem details (RFC 9457) with a stable `code`.',
  contact: { name: 'The Flotilla project' },
  license: { name: 'MIT', identifier: 'MIT' },
  tags: [
    { name: 'Users', description: 'Customers of the shop' },
    { name: 'Orders', description: 'Orders, their history and their fulfilment' },
    { name: 'Accounts', description: 'Event-sourced accounts' },
    { name: 'Inventory', description: 'Stock of the warehouse' },
    { name: 'Sensors', description: 'Readings of sensors, their latest values and alerts' },
    { name: 'Statistics', description: 'Totals, daily sales, and orders by minute' },
  ],
} satisfies Omit<ApiInfo, 'version'>;

/** The routes of this platform's API. `parts`: the optional parts of the fleet that run. */
export const routes = (settings: ApiSettings, parts: readonly string[] = []): readonly Route[] => [
  ...userRoutes,
  ...orderRoutes(settings),
  orderSagaRoute,
  ...accountRoutes,
  ...accountSummaryRoutes,
  ...statementRoutes,
  ...inventoryRoutes,
  ...sensorRoutes(parts.includes('sensors')),
  ...statisticsRoutes,
];

/** The types that the routes append, whichever the settings. */
export const apiEmits = routes(apiSettings.parse({})).flatMap(({ emits = [] }) => emits);
