import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
/** Below the range of ephemeral ports, so that a node finds its port free again. */
const RANDOM_FROM = 20_000;
const RANDOM_TO = 32_000;
const TRIES = 200;

/** The first free loopback port from `wanted` on; a random one if undefined. Skips `taken`. */
export async function freePort(wanted: number | undefined, taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = wanted === undefined ? randomInt(RANDOM_FROM, RANDOM_TO) : wanted + attempt;
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port${wanted === undefined ? '' : ` from ${wanted} on`} after ${TRIES} tries`);
}

/** Whether the port is free. Also tries to connect: some systems allow a second socket to bind next to a wildcard. */
export async function isFree(port: number): Promise<boolean> {
  return (await canListen(port)) && !(await answers(port));
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1000, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
