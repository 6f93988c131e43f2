import type { Store } from '../../../src/store/store.js';

/** Wraps a store so that `happens` runs once, right before the first matching call. */
export function interposed(
  store: Store,
  isMatch: (key: string | symbol, text: string) => boolean,
  happens: () => Promise<void>,
): Store {
  let happened = false;
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const text = Array.isArray(args[0]) ? args[0].join('') : '';
        if (!happened && isMatch(key, text)) {
          happened = true;
          await happens();
        }
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}
