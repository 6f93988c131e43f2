import { z } from 'zod';
import { addressesOf } from '../src/broker/rabbitmq/addresses.js';
import { parseDuration } from '../src/duration.js';

/** A variable's type says, as its error, what the value must be: `must be …` follows the variable's name. */
export function number(range: { min?: number; max?: number } = {}) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  const error = `must be a whole number ${max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`}`;
  return z
    .string()
    .regex(/^\d{1,16}$/, error)
    .transform(Number)
    .refine((value) => value >= min && value <= max, error);
}

export function port() {
  return number({ max: 65_535 });
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

/** Milliseconds. */
export function duration({ min = 0 } = {}) {
  const error = `must be a duration such as '250ms', '10s', '5m' or '1h'`;
  return z
    .string()
    .refine(isDuration, error)
    .transform(parseDuration)
    .refine((value) => value >= min, error);
}

/** Milliseconds, at least one. */
export function durations() {
  const error = `must be durations with commas between them, such as '1s,10s,1m'`;
  return list()
    .refine((parts) => parts.length > 0 && parts.every(isDuration), error)
    .transform((parts) => parts.map(parseDuration));
}

/** Parts between commas, trimmed, none of them empty. */
export function list() {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );
}

export function url(...schemes: [string, ...string[]]) {
  const error = `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return z.url({ protocol: new RegExp(`^(${schemes.join('|')})$`), error });
}

/** One URL or several with commas between them, written without blanks; see `addressesOf`. */
export function urls(...schemes: [string, ...string[]]) {
  const one = url(...schemes);
  const begin = schemes.map((scheme) => `${scheme}://`).join(' or ');
  const error = `must be a URL that begins with ${begin}, or several of them with commas between`;
  return z
    .string()
    .transform(addressesOf)
    .refine((all) => all.length > 0 && all.every((each) => one.safeParse(each).success && isDecodable(each)), {
      error,
      abort: true,
    })
    .transform((all) => all.join(','));
}

export function matching(pattern: RegExp, what: string) {
  return z.string().regex(pattern, `must be ${what}`);
}

function isDuration(text: string): boolean {
  try {
    return parseDuration(text) >= 0;
  } catch {
    return false;
  }
}

/** Whether user, password and path of this URL can be decoded: what must be encoded is `%` and two digits. */
function isDecodable(url: string): boolean {
  try {
    const { username, password, pathname } = new URL(url);
    return [username, password, pathname].every((part) => decodeURIComponent(part) !== undefined);
  } catch {
    return false;
  }
}
