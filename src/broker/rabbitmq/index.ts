export { createRabbitBroker } from './broker.js';
export type { RabbitBrokerOptions } from './broker.js';
export { createManagement } from './management/management.js';
export type {
  ManagedBinding,
  ManagedExchange,
  ManagedQueue,
  Management,
  ManagementOptions,
} from './management/management.js';
