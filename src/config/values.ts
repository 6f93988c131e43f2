import { isIP } from 'node:net';
import { z } from 'zod';
import { addressesOf } from '../broker/rabbitmq/connection/addresses.js';
import { parseDuration } from '../duration.js';

/** The error of each type states the valid values: `must be …` follows the variable's name. */
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

/** The longest delay of a timer of Node.js, 24 days. A longer one would fire immediately. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** A duration in milliseconds. */
export function duration({ min = 0, max = LONGEST_TIMER_MS } = {}) {
  const error = `must be a duration such as '250ms', '10s', '5m' or '1h', ${range(min, max)}`;
  return z
    .string()
    .refine((text) => isDuration(text, min, max), error)
    .transform(parseDuration);
}

/** The longest time to live that RabbitMQ accepts, 49 days. */
const LONGEST_TTL_MS = 4_294_967_295;

/** Durations in milliseconds, at least one. */
export function durations({ min = 1, max = LONGEST_TTL_MS } = {}) {
  const error = `must be 1 to ${MAX_DELAYS} durations with commas between them, such as '1s,10s,1m', each ${range(min, max)}`;
  return list()
    .refine(
      (parts) => parts.length > 0 && parts.length <= MAX_DELAYS && parts.every((part) => isDuration(part, min, max)),
      error,
    )
    .transform((parts) => parts.map(parseDuration));
}

/** Each delay is a queue of every worker. */
const MAX_DELAYS = 30;

function range(min: number, max: number): string {
  const days = `${Math.floor(max / 86_400_000)}d`;
  return min === 0 ? `at most ${days}` : `from ${min}ms to ${days}`;
}

/** Comma-separated parts, trimmed and not empty. */
export function list() {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );
}

/** Origins as browsers send them: scheme, host, and the port unless it is the scheme's default. */
export function origins() {
  return list().refine((all) => all.every(isOrigin), {
    error:
      "must be origins with commas between them, such as 'https://shop.example.org', without '*' and without a path",
  });
}

function isOrigin(text: string): boolean {
  return (
    !text.includes('*') &&
    URL.canParse(text) &&
    /^https?:$/.test(new URL(text).protocol) &&
    new URL(text).origin === text
  );
}

/** IP addresses and networks (CIDR). */
export function networks() {
  return list().refine((all) => all.every(isNetwork), {
    error: "must be addresses or networks with commas between them, such as '10.0.0.0/8'",
  });
}

function isNetwork(text: string): boolean {
  const [, address = '', bits = ''] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

/** Users by source, several users per source allowed: `payment=shop-payment,erp=partner`. */
export function usersBySource() {
  return list()
    .refine(
      (entries) => entries.every((entry) => /^.+=[^=]+$/.test(entry)),
      'must be pairs <source>=<user> with commas between them',
    )
    .transform((entries) => {
      const users = new Map<string, string[]>();
      for (const entry of entries) {
        const at = entry.lastIndexOf('=');
        const source = entry.slice(0, at);
        users.set(source, [...(users.get(source) ?? []), entry.slice(at + 1)]);
      }
      return Object.fromEntries(users);
    });
}

export function url(...schemes: [string, ...string[]]) {
  const error = `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  return z.url({ protocol: new RegExp(`^(${schemes.join('|')})$`), error });
}

/** One URL, or several separated by commas without spaces; see `addressesOf`. */
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

/** Whole milliseconds, the unit of timers and brokers. */
function isDuration(text: string, min: number, max: number): boolean {
  try {
    const value = parseDuration(text);
    return value >= min && value <= max && Number.isInteger(value);
  } catch {
    return false;
  }
}

/** Whether user, password and path of this URL can be percent-decoded. */
function isDecodable(url: string): boolean {
  try {
    const { username, password, pathname } = new URL(url);
    return [username, password, pathname].every((part) => decodeURIComponent(part) !== undefined);
  } catch {
    return false;
  }
}
