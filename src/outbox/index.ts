export { createRelay } from './relay.js';
export type { Relay, RelayOptions } from './relay.js';
