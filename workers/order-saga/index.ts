import { defineWorker } from '#platform/catalogue.js';
import { orderFulfilment } from '#platform/orders/fulfilment/fulfilment-saga.js';

/** Brings each order that is fulfilled by a saga to its end: shipped, or undone. */
export default defineWorker({ name: 'order-saga', sagas: [orderFulfilment] });
