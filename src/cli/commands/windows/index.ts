import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerDrop } from './drop.js';
import { registerLate } from './late.js';
import { registerList } from './list.js';
import { registerRewind } from './rewind.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const windows = program.command('windows');
  for (const add of [registerList, registerShow, registerLate, registerRewind, registerDrop]) add(windows, context);
}
