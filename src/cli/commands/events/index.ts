import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerList } from './list.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const events = program.command('events').description('what happened: search the history of all services');
  for (const add of [registerList, registerShow]) add(events, context);
}
