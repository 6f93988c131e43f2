import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerList } from './list.js';
import { registerPublish } from './publish.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const events = program.command('events').description('search the history of all services, publish events');
  for (const add of [registerList, registerShow, registerPublish]) add(events, context);
}
