import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerArchive } from './archive.js';
import { registerRetain } from './retain.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const streams = program.command('streams');
  for (const add of [registerShow, registerRetain, registerArchive]) add(streams, context);
}
