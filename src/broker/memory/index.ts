export { createMemoryBroker } from './broker.js';
export type { MemoryBroker, MemoryBrokerOptions } from './broker.js';
