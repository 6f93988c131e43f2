import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerDiscard } from './dead/discard.js';
import { registerEdit } from './dead/edit.js';
import { registerList } from './dead/list.js';
import { registerReplay } from './dead/replay.js';
import { registerShow } from './dead/show.js';

export function register(program: Command, context: Context): void {
  const dead = program.command('dead').description('dead letters: look, mend, send again, give up');
  for (const add of [registerList, registerShow, registerReplay, registerEdit, registerDiscard]) add(dead, context);
}
