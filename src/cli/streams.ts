import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerArchive } from './streams/archive.js';
import { registerRetain } from './streams/retain.js';
import { registerShow } from './streams/show.js';

export function register(program: Command, context: Context): void {
  const streams = program.command('streams').description('the streams of a store: how long they are, what is archived');
  for (const add of [registerShow, registerRetain, registerArchive]) add(streams, context);
}
