import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { isAlive } from '../observability/processes/process-registry.js';

/** Returns a name of this process that no other process has: `payment@host:4711:1a2b3c`. */
export function instanceOf(name: string): string {
  return `${name}@${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
}

const INSTANCE = /@(.+):(\d+):[0-9a-f]+$/;

/** Whether `instanceOf` can have returned this name. */
export function isInstance(name: string): boolean {
  return INSTANCE.test(name);
}

/** Whether the process of this name ran on this machine and has ended; undefined if it ran elsewhere. */
export function hasEnded(instance: string): boolean | undefined {
  const [, host, pid] = INSTANCE.exec(instance) ?? [];
  return host === hostname() ? !isAlive(Number(pid)) : undefined;
}
