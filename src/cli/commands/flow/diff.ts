import { FLOW_FILE, readFlowAt } from '../../../flow/committed.js';
import { diffFlows, isUnchanged, type Change } from '../../../flow/diff.js';
import type { Flow } from '../../../flow/model.js';
import type { Context } from '../../shared/context.js';
import { UsageError } from '../../shared/failure.js';
import { pathOf } from './check.js';

/** Prints what has changed in the flow since this branch left `ref`. */
export async function runDiff(flow: Flow, ref: string, { json }: { json: boolean }, context: Context): Promise<void> {
  const { cwd, signal, print, printJson, say } = context;
  const before = await readFlowAt(cwd, ref, signal);
  if (before === undefined) throw new UsageError(`${FLOW_FILE} was not committed where this branch left ${ref}`);
  const diff = diffFlows(before, flow);
  if (json) {
    printJson(diff, 2);
    return;
  }
  const { parts, emits, reads, declaredCycles, cycles } = diff;
  const lines = [
    ...changes(parts, (id) => id),
    ...changes(emits, ({ part, type }) => `${part} emits ${type}`),
    ...changes(reads, ({ part, type }) => `${part} reads ${type}`),
    ...changes(declaredCycles, ({ part, type }) => `${part} declares a cycle of ${type}`),
    ...changes(cycles, ({ path }) => `undeclared cycle ${pathOf(path)}`),
  ];
  for (const line of lines) print(line);
  if (isUnchanged(diff)) say('The flow has not changed.');
}

function changes<Item>({ added, removed }: Change<Item>, describe: (item: Item) => string): string[] {
  return [...added.map((item) => `+ ${describe(item)}`), ...removed.map((item) => `- ${describe(item)}`)];
}
