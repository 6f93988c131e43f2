import type { Command } from 'commander';
import type { Context } from '../../shared/context.js';
import { registerPartitions } from './partitions.js';
import { registerStatus } from './status.js';

export function register(program: Command, context: Context): void {
  const order = program.command('order');
  registerStatus(order, context);
  registerPartitions(order, context);
}
