import { FlotillaError, messageOf, type ErrorCode } from '../../../errors.js';
import { credentialsOf, hostOf, vhostOf } from './addresses.js';
import { tryHandshake } from './handshake.js';

/** The reason why a connection to one node failed. The detail contains host and port, but no password. */
export interface ConnectFailure {
  code: ConnectCode;
  detail: string;
}

/** In the order of reporting if the nodes of a broker fail in different ways. */
const CODES = [
  'fleet.prefix_taken',
  'broker.refused_credentials',
  'broker.no_vhost',
  'broker.tls',
  'broker.not_amqp',
  'broker.unknown_host',
  'broker.refused_connection',
  'broker.unreachable',
] as const satisfies ErrorCode[];
type ConnectCode = (typeof CODES)[number];

const PERMANENT: ReadonlySet<ErrorCode> = new Set<ConnectCode>([
  'broker.refused_credentials',
  'broker.no_vhost',
  'broker.tls',
  'broker.not_amqp',
]);

/** Whether retrying is pointless: the connection fails until the configuration changes. */
export function isPermanentFailure({ code }: ConnectFailure): boolean {
  return PERMANENT.has(code);
}

/** Whether the error is the reason of a failed connection. */
export function isConnectFailure(error: unknown): error is FlotillaError {
  const codes: readonly ErrorCode[] = CODES;
  return error instanceof FlotillaError && codes.includes(error.code);
}

const CHECK_TIMEOUT_MS = 3000;
/** For a port that has not answered before: an HTTP server answers once it receives the end of a line. */
const SILENT_CHECK_TIMEOUT_MS = 1000;

/** Returns the cause of an amqplib error. If amqplib does not report it, connects again to determine it. Never
 *  rejects. */
export async function causeOf(error: unknown, url: string): Promise<ConnectFailure> {
  const at = hostOf(url);
  const message = messageOf(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOTFOUND') return { code: 'broker.unknown_host', detail: new URL(url).hostname };
  if (code === 'ECONNREFUSED') return { code: 'broker.refused_connection', detail: at };
  if (isTlsCode(code)) return { code: 'broker.tls', detail: `${at}: ${tlsProblem(code)}` };
  if (message.includes('ACCESS_REFUSED')) return refusedCredentials(url);
  if (code !== '') return { code: 'broker.unreachable', detail: `${at}: ${code}` };
  return examine(url, message);
}

async function examine(url: string, message: string): Promise<ConnectFailure> {
  const at = hostOf(url);
  const silent = message === 'connect ETIMEDOUT';
  const end = await tryHandshake(url, silent ? SILENT_CHECK_TIMEOUT_MS : CHECK_TIMEOUT_MS);
  if (end.kind === 'foreign') {
    const reply = end.beginning === '' ? '' : ` (it answers "${end.beginning}")`;
    return { code: 'broker.not_amqp', detail: `${at}${reply}` };
  }
  if (end.kind === 'refused') {
    // connection limits use the same code and are temporary
    const isVhost = /\bvhost\b/.test(end.text) && !/limit \(\d+\) is reached|is down/.test(end.text);
    if (isVhost) {
      const { user } = credentialsOf(url);
      return { code: 'broker.no_vhost', detail: `virtual host "${vhostOf(url)}", user "${user}", ${at}` };
    }
    return { code: 'broker.unreachable', detail: `${at} refuses the connection: ${end.code} ${end.text}` };
  }
  if (silent) return { code: 'broker.unreachable', detail: `${at} does not answer` };
  const why = message.includes('closed abruptly')
    ? 'it closes the connection during the handshake; it may be starting, or expect TLS (amqps://)'
    : message;
  return { code: 'broker.unreachable', detail: `${at}: ${why}` };
}

function refusedCredentials(url: string): ConnectFailure {
  const { user } = credentialsOf(url);
  const guest = user === 'guest' ? '; RabbitMQ lets "guest" in from its own machine only' : '';
  return { code: 'broker.refused_credentials', detail: `user "${user}", ${hostOf(url)}${guest}` };
}

/** Combines the failures of all nodes of a broker into one. */
export function failureOfAll(failures: readonly ConnectFailure[]): ConnectFailure {
  const codes = new Set(failures.map(({ code }) => code));
  const first = CODES.find((each) => codes.has(each)) ?? 'broker.unreachable';
  // a permanent cause wins; different temporary ones are reported as unreachable
  const code = PERMANENT.has(first) || codes.size === 1 ? first : 'broker.unreachable';
  const details = failures.map((each) => (each.code === code ? each.detail : `${each.code}: ${each.detail}`));
  return { code, detail: details.join('; ') };
}

/** Whether it is a code of Node's TLS: untrusted certificates, certificates for another host, or a peer without TLS. */
export function isTlsCode(code: string): boolean {
  return /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/.test(code);
}

export function tlsProblem(code: string): string {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') return 'the port does not speak TLS';
  return `${code}${/SELF_SIGNED|UNABLE_TO_/.test(code) ? ' (a CA of your own: NODE_EXTRA_CA_CERTS)' : ''}`;
}
