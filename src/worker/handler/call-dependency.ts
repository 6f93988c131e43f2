import { errorOf, messageOf, UnavailableError } from '../../errors.js';

/** Error codes of Node.js, undici and nodemailer for a dependency that does not respond. */
const CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNECTION',
  'ESOCKET',
  'EDNS',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** Whether an error means that a dependency is unavailable: refused, reset, timed out, or a response of 5xx or 429 (by
 *  `status` or `statusCode`). Also checks the causes of the error. */
export function isUnavailable(error: unknown, depth = 0): boolean {
  if (error === undefined || depth > 5) return false;
  return isErrorUnavailable(errorOf(error), depth);
}

function isErrorUnavailable(error: Error, depth: number): boolean {
  if (error instanceof UnavailableError || error.name === 'TimeoutError') return true;
  const { code, status, statusCode } = error as { code?: unknown; status?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && CODES.has(code)) return true;
  const http = status ?? statusCode;
  if (typeof http === 'number' && (http >= 500 || http === 429)) return true;
  return isUnavailable(error.cause, depth + 1);
}

/** Runs the work. An error that means "unavailable" becomes an `UnavailableError` with the name of the dependency. */
export async function callDependency<T>(
  dependency: string,
  work: () => Promise<T>,
  unavailable: (error: unknown) => boolean = () => false,
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = errorOf(thrown);
    if (!isUnavailable(error) && !unavailable(error)) throw error;
    throw new UnavailableError(`${dependency} is not available: ${messageOf(error)}`, { cause: error });
  }
}
