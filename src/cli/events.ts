import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerList } from './events/list.js';
import { registerShow } from './events/show.js';

export function register(program: Command, context: Context): void {
  const events = program.command('events').description('what happened: search the history of all services');
  for (const add of [registerList, registerShow]) add(events, context);
}
