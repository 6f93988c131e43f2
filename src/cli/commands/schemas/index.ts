import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerCheck } from './check.js';
import { registerList } from './list.js';
import { registerReaders } from './readers.js';
import { registerRetire } from './retire.js';
import { registerShow } from './show.js';
import { registerWrite } from './write.js';

export function register(program: Command, context: Context): void {
  const schemas = program.command('schemas');
  registerCheck(schemas, context);
  registerWrite(schemas, context);
  registerList(schemas, context);
  registerShow(schemas, context);
  registerReaders(schemas, context);
  registerRetire(schemas, context);
}
