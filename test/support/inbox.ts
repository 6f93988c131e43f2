/** A queue of arrived values, consumed in order by a waiting test. */
export function inbox<T>() {
  const arrived: T[] = [];
  const waiting: ((item: T) => void)[] = [];
  return {
    put: (item: T): void => {
      const taker = waiting.shift();
      if (taker === undefined) arrived.push(item);
      else taker(item);
    },
    next(): Promise<T> {
      const [item] = arrived.splice(0, 1);
      return item === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(item);
    },
    /** Arrived values that were not taken yet. */
    get waiting(): number {
      return arrived.length;
    },
  };
}
