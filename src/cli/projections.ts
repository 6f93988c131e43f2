import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerList } from './projections/list.js';
import { registerRebuild } from './projections/rebuild.js';
import { registerShow } from './projections/show.js';
import { registerSkip } from './projections/skip.js';

export function register(program: Command, context: Context): void {
  const projections = program
    .command('projections')
    .description('read models: how far they are, rebuild, skip an event');
  for (const add of [registerList, registerShow, registerRebuild, registerSkip]) add(projections, context);
}
