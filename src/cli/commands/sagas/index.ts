import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerCompensate } from './compensate.js';
import { registerList } from './list.js';
import { registerRetry } from './retry.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const sagas = program.command('sagas');
  for (const add of [registerList, registerShow, registerRetry, registerCompensate]) add(sagas, context);
}
