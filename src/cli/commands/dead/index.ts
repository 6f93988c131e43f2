import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerCollect } from './collect.js';
import { registerDiscard } from './discard.js';
import { registerEdit } from './edit.js';
import { registerList } from './list.js';
import { registerReplay } from './replay.js';
import { registerShow } from './show.js';

export function register(program: Command, context: Context): void {
  const dead = program.command('dead');
  const commands = [registerList, registerShow, registerCollect, registerReplay, registerEdit, registerDiscard];
  for (const add of commands) add(dead, context);
}
