/** The faults whose cause and remedy an operator must find in the runbook by their symptoms, each with the title of its
 *  section. */
export const FAULTS = {
  'broker down': 'Broker down',
  'wrong password': 'Credentials refused',
  'full disk': 'Store cannot commit',
  'open circuit breaker': 'Circuit breaker open',
  'stuck saga': 'Saga failed or overdue',
  'poison message': 'Dead letters',
  'unrouted command': 'Unrouted commands',
  'lagging projection': 'Projection stopped or behind',
  'lost lease': 'Lease without a holder',
  'missing worker': 'Worker missing',
};

export type FaultName = keyof typeof FAULTS;
