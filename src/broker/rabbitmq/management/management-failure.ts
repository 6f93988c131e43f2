import { messageOf } from '../../../errors.js';
import { credentialsOf, hostOf } from '../connection/addresses.js';
import { isTlsCode, tlsProblem } from '../connection/connect-failure.js';

/** The failure of a request to the management API of one node, and whether to try another node. */
export interface ManagementFailure {
  reason: string;
  tryNext: boolean;
  /** The node answered with a server error: the same request may succeed a moment later. */
  isServerError?: boolean;
  /** The error of the system, of a request without a response. */
  cause?: unknown;
}

const NOT_RABBITMQ =
  "this is not RabbitMQ's management API; check the port in AMQP_MANAGEMENT_URL (15672, with TLS 15671)";

/** Describes an unsuccessful response. */
export function answerFailure(url: string, status: number, body: string): ManagementFailure {
  const at = hostOf(url);
  const { user } = credentialsOf(url);
  if (status === 401 || status === 403) {
    const tag = body.includes('Not management user') ? 'has no tag "management" or "monitoring"' : 'is refused';
    return { reason: `${at}: user "${user}" ${tag} (${status}); check AMQP_MANAGEMENT_URL`, tryNext: false };
  }
  const isApi = body.startsWith('{') && body.includes('"error"');
  if (status >= 500) return { reason: `${at}: ${status} ${excerpt(body)}`, tryNext: true, isServerError: true };
  return { reason: isApi ? `${at}: ${status} ${excerpt(body)}` : `${at}: ${status}; ${NOT_RABBITMQ}`, tryNext: false };
}

/** Describes a request without a response. */
export function requestFailure(url: string, error: unknown, timeout: number): ManagementFailure {
  const at = hostOf(url);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = ((): string => {
    if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeout} ms`;
    if (code === 'ENOTFOUND') return `the host ${new URL(url).hostname} is not known`;
    if (code === 'ECONNREFUSED') return 'nothing listens there; is the management plugin enabled?';
    if (isTlsCode(code)) return tlsProblem(code);
    if (code.startsWith('HPE_')) return `no HTTP; ${NOT_RABBITMQ}`;
    return code === '' ? messageOf(error) : code;
  })();
  return { reason: `${at}: ${reason}`, tryNext: true, cause: error };
}

/** Describes a response that does not have the shape of the management API. */
export function shapeFailure(url: string): string {
  return `${hostOf(url)}: ${NOT_RABBITMQ}`;
}

function excerpt(body: string): string {
  return body.slice(0, 200).replace(/\s+/g, ' ');
}
