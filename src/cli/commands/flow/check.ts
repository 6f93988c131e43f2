import { FLOW_FILE, isFlowCommitted, writeFlow } from '../../../flow/committed.js';
import type { Cycle } from '../../../flow/cycles.js';
import type { Findings } from '../../../flow/findings.js';
import type { Flow, Part } from '../../../flow/model.js';
import type { Context } from '../../shared/context.js';
import { CommandFailed } from '../../shared/failure.js';

/** Prints the findings. Throws `CommandFailed` for a cycle that is not declared, and if the committed file is not up to
 *  date. */
export async function runCheck(
  flow: Flow,
  findings: Findings,
  { json }: { json: boolean },
  { cwd, print, printJson }: Context,
): Promise<void> {
  const isOutdated = !(await isFlowCommitted(cwd, flow));
  const errors = findings.cycles.length;
  const warnings = warningLines(findings);
  if (json) printJson({ ...findingsJson(findings), outdated: isOutdated ? [FLOW_FILE] : [] }, 2);
  else {
    for (const line of [...findings.cycles.flatMap(cycleLines), ...warnings]) print(line);
    if (isOutdated) print(`${FLOW_FILE} is missing or out of date: run flotilla flow --write`);
    print(`${counted(flow.parts.length, 'part')}: ${counted(errors, 'error')}, ${counted(warnings.length, 'warning')}`);
  }
  if (errors > 0 || isOutdated) throw new CommandFailed('the flow does not pass');
}

export async function runWrite(flow: Flow, { cwd, print, say }: Context): Promise<void> {
  if (await isFlowCommitted(cwd, flow)) {
    say(`${FLOW_FILE} is up to date.`);
    return;
  }
  await writeFlow(cwd, flow);
  print(FLOW_FILE);
}

/** The findings with the names of parts. */
export function findingsJson({ cycles, uselessCycles, neverEmitted, neverRead }: Findings) {
  return {
    cycles,
    uselessCycles: uselessCycles.map(({ part, type }) => ({ part: part.id, type })),
    neverEmitted: neverEmitted.map(({ type, readers }) => ({ type, readers: readers.map(({ id }) => id) })),
    neverRead: neverRead.map(({ type, emitters }) => ({ type, emitters: emitters.map(({ id }) => id) })),
  };
}

export function cycleLines({ parts, types, path }: Cycle): string[] {
  return [
    `ERROR undeclared cycle  ${pathOf(path)}`,
    `  parts     ${parts.join(', ')}`,
    `  types     ${types.join(', ')}`,
    '  remedy    Remove an edge of the cycle; or, if it ends, add the types and the reason to `cycles` of a worker in it.',
  ];
}

/** `worker:payment → payment.refund → worker:payment` */
export function pathOf(path: Cycle['path']): string {
  return [...path.map(({ from, type }) => `${from} → ${type}`), path[0]?.from ?? ''].join(' → ');
}

export function warningLines({ uselessCycles, neverEmitted, neverRead }: Findings): string[] {
  const names = (parts: readonly Part[]) => parts.map(({ id }) => id).join(', ');
  return [
    ...neverEmitted.map(({ type, readers }) => `WARNING ${type} is emitted by no part, and read by ${names(readers)}`),
    ...neverRead.map(({ type, emitters }) => `WARNING ${type} is read by no part, and emitted by ${names(emitters)}`),
    ...uselessCycles.map(({ part, type }) => `WARNING ${type} in \`cycles\` of ${part.id} is in no cycle: remove it`),
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
