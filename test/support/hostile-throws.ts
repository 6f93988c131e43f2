class Hostile extends Error {}

function withGetter(property: string): Error {
  return Object.defineProperty(new Hostile('hostile'), property, {
    get: () => {
      throw new Error(`${property} was read`);
    },
  });
}

function refuse(): never {
  throw new Error('a trap');
}

/** Values that can be thrown and that throw again, or worse, when they are read. */
export const hostileThrows: Readonly<Record<string, () => unknown>> = {
  'an object without a prototype': () => Object.create(null),
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'a bigint': () => 10n,
  'a function': () => refuse,
  'an object whose toString throws': () => ({ toString: refuse }),
  'an object whose conversion throws': () => ({ [Symbol.toPrimitive]: refuse }),
  ...Object.fromEntries(
    ['message', 'name', 'stack', 'code', 'cause', 'status', 'toString'].map((property) => [
      `an error whose ${property} throws`,
      () => withGetter(property),
    ]),
  ),
  'an error whose message is an object': () => Object.assign(new Error(), { message: Object.create(null) }),
  'an error that is its own cause': () => {
    const error = new Error('loop');
    error.cause = error;
    return error;
  },
  'an error whose cause cannot be read': () => new Error('outer', { cause: withGetter('message') }),
  'an error with a huge message': () => new Error('x'.repeat(20_000_000)),
  'an error with a huge name': () => Object.assign(new Error('named'), { name: 'N'.repeat(1_000_000) }),
  'a proxy that refuses everything': () =>
    new Proxy(new Error('inner'), { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse }),
};
