import { defineWorker } from '#platform/catalogue.js';
import { orderFulfilment } from '#platform/orders/fulfilment/fulfilment-saga.js';

/** Fulfils each orchestrated order: it is shipped, or its completed steps are compensated. */
export default defineWorker({ name: 'order-saga', sagas: [orderFulfilment] });
