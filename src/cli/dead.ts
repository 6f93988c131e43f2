import type { Command } from 'commander';
import type { Context } from './context.js';
import { registerCollect } from './dead/collect.js';
import { registerDiscard } from './dead/discard.js';
import { registerEdit } from './dead/edit.js';
import { registerList } from './dead/list.js';
import { registerReplay } from './dead/replay.js';
import { registerShow } from './dead/show.js';

export function register(program: Command, context: Context): void {
  const dead = program.command('dead').description('list, collect, edit, replay and discard dead letters');
  const commands = [registerList, registerShow, registerCollect, registerReplay, registerEdit, registerDiscard];
  for (const add of commands) add(dead, context);
}
