import { diagramOf, typesOf } from '../../../flow/diagram.js';
import type { Findings } from '../../../flow/findings.js';
import { dotOf } from '../../../flow/formats/dot.js';
import { mermaidOf } from '../../../flow/formats/mermaid.js';
import { svgOf } from '../../../flow/formats/svg.js';
import { edgesOf, type Flow } from '../../../flow/model.js';
import { selectFlow, type FlowSelection } from '../../../flow/select.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { requireMatch } from '../../shared/input/type-patterns.js';
import { table } from '../../shared/output/print-list.js';
import { cycleLines, findingsJson, warningLines } from './check.js';

export const FORMATS = ['json', 'dot', 'mermaid', 'svg'] as const;
export type Format = (typeof FORMATS)[number];

/** Prints the selected part of the flow. */
export async function runShow(
  fleet: Fleet,
  whole: Flow,
  findings: Findings,
  { format, ...selection }: FlowSelection & { format: Format | undefined },
  context: Context,
): Promise<void> {
  const { worker, type } = selection;
  if (worker !== undefined)
    requireKnown(
      'worker',
      worker,
      fleet.workers.map(({ name }) => name),
    );
  if (type !== undefined) requireMatch('type', [type], Object.keys(fleet.catalogue.definitions));
  const flow = selectFlow(whole, selection);
  switch (format) {
    case undefined:
      return printTable(flow, findings, context);
    case 'json':
      return context.printJson({ parts: flow.parts, edges: edgesOf(flow), findings: findingsJson(findings) }, 2);
    case 'dot':
      return printText(dotOf(diagramOf(flow, findings)), context);
    case 'mermaid':
      return printText(mermaidOf(diagramOf(flow, findings)), context);
    case 'svg':
      return printText(await svgOf(diagramOf(flow, findings)), context);
  }
}

function printText(text: string, { print }: Context): void {
  for (const line of text.trimEnd().split('\n')) print(line, Infinity);
}

function printTable(flow: Flow, findings: Findings, { print, say, width }: Context): void {
  const edges = edgesOf(flow);
  const rows = typesOf(flow).map((type) => {
    const emitters = flow.parts.filter(({ emits }) => emits.includes(type));
    const reached = new Set(edges.filter((edge) => edge.type === type).map(({ to }) => to));
    const readers = flow.parts.filter(
      ({ id, reads }) => reads.includes(type) && (emitters.length === 0 || reached.has(id)),
    );
    return { type, from: emitters.map(({ name }) => name), to: readers.map(({ name }) => name) };
  });
  if (rows.length === 0) return say('No part emits or reads a message.');
  const columns = {
    type: ({ type }: (typeof rows)[number]) => type,
    'emitted by': ({ from }: (typeof rows)[number]) => from.join(', '),
    'read by': ({ to }: (typeof rows)[number]) => to.join(', '),
  };
  for (const line of table(rows, columns, { width, freeText: ['emitted by', 'read by'] })) print(line);
  for (const line of [...findings.cycles.flatMap(cycleLines), ...warningLines(findings)]) print(line);
}
