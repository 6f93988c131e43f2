import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerAccept } from './accept.js';
import { registerList } from './list.js';

export function register(program: Command, context: Context): void {
  const stores = program.command('stores');
  for (const add of [registerList, registerAccept]) add(stores, context);
}
