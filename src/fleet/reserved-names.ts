import { OPERATOR } from '../broker/users/permissions.js';
import { namesFor } from '../broker/topology/topology.js';
import { planProcesses } from '../supervisor/plan.js';

/** The store of dead letters, which only the keeper and the operators' commands open. */
export const OPS_STORE = 'ops';

/** What a worker must not be called: so the other processes of every fleet, their store, and what they have in the broker
 *  are called. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  OPS_STORE,
  OPERATOR,
  'up',
  ...planProcesses({ workers: [], hasApi: true, hasSandbox: true, scale: {} }).map(({ name }) => name),
  ...Object.values(namesFor('')).filter((name) => typeof name === 'string'),
]);
