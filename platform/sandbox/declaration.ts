import type { SandboxDeclaration } from 'flotilla';
import { z } from 'zod';

const port = z.int('must be a whole number from 0 to 65535').min(0).max(65_535);
const token = z.string().regex(/^\S{16,}$/, 'must be at least 16 characters without blanks');

const sandboxSettings = z.object({
  sandboxHost: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,253}$/, 'must be an address or a host name')
    .default('127.0.0.1')
    .describe('Host at which workers reach the sandbox, unless GATEWAY_URL, CARRIER_URL and SMTP_URL are set.'),
  sandboxPort: port.default(3001).describe('HTTP port of the sandbox.'),
  sandboxSmtpPort: port.default(3025).describe('SMTP port of the sandbox.'),
  sandboxToken: token.optional().describe('Token of the sandbox. If unset, API_TOKEN.'),
  apiToken: token.optional(),
  sandboxSmtpLogin: z
    .enum(['required', 'none'])
    .default('required')
    .describe('`required`: the sandbox accepts mail only with its token. `none`: it accepts mail from every client.'),
});

/** Simulates the external services of the shop in development: payment gateway, carrier and mailbox. */
export const sandbox: SandboxDeclaration<typeof sandboxSettings> = {
  settings: sandboxSettings,
  ports: ['sandboxPort', 'sandboxSmtpPort'],
  tokens: ['sandboxToken', 'apiToken'],
  workerSettings({ sandboxHost, sandboxPort, sandboxSmtpPort, sandboxSmtpLogin }, token) {
    const host = sandboxHost.includes(':') ? `[${sandboxHost}]` : sandboxHost;
    const login = token === undefined ? '' : `sandbox:${encodeURIComponent(token)}@`;
    const smtpLogin = sandboxSmtpLogin === 'none' ? '' : login;
    const url = `http://${login}${host}:${sandboxPort}`;
    return { GATEWAY_URL: url, CARRIER_URL: url, SMTP_URL: `smtp://${smtpLogin}${host}:${sandboxSmtpPort}` };
  },
  async start({ sandboxPort: port, sandboxSmtpPort: smtpPort, sandboxSmtpLogin: smtpLogin }, { token, ...options }) {
    // loaded only by the process that runs it: it takes as long to load as everything else
    const { startSandbox } = await import('./sandbox.js');
    return startSandbox({ ...options, ...(token !== undefined && { token }), port, smtpPort, smtpLogin });
  },
};
