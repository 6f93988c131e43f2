import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerList } from './list.js';
import { registerPublish } from './publish.js';
import { registerShow } from './show.js';
import { registerTypes } from './types.js';

export function register(program: Command, context: Context): void {
  const events = program.command('events');
  for (const add of [registerList, registerShow, registerTypes, registerPublish]) add(events, context);
}
