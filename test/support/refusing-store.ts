import type { FlotillaError } from '../../src/errors.js';
import type { Store } from '../../src/store/store.js';

/** Wraps a store so that the calls of a method reject while `refusal` returns an error for it. */
export function refusingStore(store: Store, refusal: (method: keyof Store) => FlotillaError | undefined): Store {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const error = refusal(key as keyof Store);
        return error === undefined ? (Reflect.apply(value, target, args) as unknown) : Promise.reject(error);
      };
    },
  });
}
