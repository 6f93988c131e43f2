/** What arrives is put in, and taken out in the same order by whoever waits. */
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
    /** Arrived, and not taken out yet. */
    get waiting(): number {
      return arrived.length;
    },
  };
}
