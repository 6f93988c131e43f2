import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerCompensate } from './sagas/compensate.js';
import { registerList } from './sagas/list.js';
import { registerRetry } from './sagas/retry.js';
import { registerShow } from './sagas/show.js';

export function register(program: Command, context: Context): void {
  const sagas = program
    .command('sagas')
    .description('processes of several steps: how they stand, what they wait for, try again, undo');
  for (const add of [registerList, registerShow, registerRetry, registerCompensate]) add(sagas, context);
}
