import type { Management } from './management.js';

/** The requests that read the state of a broker. */
export type StateRequests = Pick<Management, 'overview' | 'nodes' | 'queues' | 'exchanges' | 'bindings'>;

/** Sends each of these requests once, at its first call, for several readers of one state. */
export function sharedRequests(management: StateRequests): StateRequests {
  const sent = new Map<string, Promise<unknown>>();
  const once = <T>(key: string, send: () => Promise<T>): Promise<T> => {
    const known = sent.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = send();
    answer.catch(() => undefined); // each caller that awaits it receives the error
    sent.set(key, answer);
    return answer;
  };
  return {
    overview: () => once('overview', () => management.overview()),
    nodes: () => once('nodes', () => management.nodes()),
    queues: (prefix = '') => once(`queues ${prefix}`, () => management.queues(prefix)),
    exchanges: (prefix = '') => once(`exchanges ${prefix}`, () => management.exchanges(prefix)),
    bindings: () => once('bindings', () => management.bindings()),
  };
}
