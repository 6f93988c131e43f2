import type { FlotillaError } from '../../src/errors.js';
import type { Store } from '../../src/store/store.js';

/** Wraps a store so that a call rejects with the error that `refusal` returns for its method and, for a query, its SQL. */
export function refusingStore(
  store: Store,
  refusal: (method: keyof Store, sql: string) => FlotillaError | undefined,
): Store {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const error = refusal(key as keyof Store, Array.isArray(args[0]) ? args[0].join('') : '');
        return error === undefined ? (Reflect.apply(value, target, args) as unknown) : Promise.reject(error);
      };
    },
  });
}
