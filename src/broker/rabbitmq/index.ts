export { createRabbitBroker } from './broker.js';
export type { RabbitBrokerOptions } from './broker.js';
export { createManagement } from './management.js';
export type { ManagedBinding, ManagedExchange, ManagedQueue, Management, ManagementOptions } from './management.js';
