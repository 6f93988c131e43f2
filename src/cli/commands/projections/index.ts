import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerList } from './list.js';
import { registerRebuild } from './rebuild.js';
import { registerShow } from './show.js';
import { registerSkip } from './skip.js';

export function register(program: Command, context: Context): void {
  const projections = program.command('projections');
  for (const add of [registerList, registerShow, registerRebuild, registerSkip]) add(projections, context);
}
