import { diagramOf, typesOf } from '../../../flow/diagram.js';
import type { Findings } from '../../../flow/findings.js';
import { dotOf } from '../../../flow/formats/dot.js';
import { mermaidOf } from '../../../flow/formats/mermaid.js';
import { svgOf } from '../../../flow/formats/svg.js';
import { edgesOf, type Flow } from '../../../flow/model.js';
import { observeFlow, type ObservedFlow } from '../../../flow/observed.js';
import { readObservations } from '../../../flow/read-observations.js';
import { selectFlow, selectObserved, type FlowSelection } from '../../../flow/select.js';
import type { Fleet } from '../../../fleet/define-fleet.js';
import { enabledWorkers } from '../../../runtime/fleet/enabled-workers.js';
import { requireKnown } from '../../../text/known-names.js';
import type { Context } from '../../shared/context.js';
import { requireMatch } from '../../shared/input/type-patterns.js';
import { table } from '../../shared/output/print-list.js';
import { requireAllRead } from '../../shared/output/unread-stores.js';
import { withSession } from '../../shared/session.js';
import { printObserved } from './observed.js';
import { cycleLines, findingsJson, warningLines } from './check.js';

export const FORMATS = ['json', 'dot', 'mermaid', 'svg'] as const;
export type Format = (typeof FORMATS)[number];

interface Flags extends FlowSelection {
  format: Format | undefined;
  observed?: boolean;
}

/** Prints the selected part of the flow. With `observed`, fails afterwards if a store is not on this machine. */
export async function runShow(
  fleet: Fleet,
  whole: Flow,
  findings: Findings,
  { format, observed: isObserved = false, ...selection }: Flags,
  context: Context,
): Promise<void> {
  const { worker, type } = selection;
  if (worker !== undefined) {
    requireKnown(
      'worker',
      worker,
      fleet.workers.map(({ name }) => name),
    );
  }
  if (type !== undefined) requireMatch('type', [type], Object.keys(fleet.catalogue.definitions));
  const flow = selectFlow(whole, selection);
  if (!isObserved) return print(flow, findings, undefined, format, context);
  const unread = await withSession(context, async ({ config, stores: { history, find: open } }) => {
    const read = await readObservations(fleet, { services: history.services, open, now: Date.now() });
    const observed = selectObserved(observeFlow(whole, read), whole, selection);
    await print(flow, findings, observed, format, context);
    if (read.uncounted > 0) {
      context.say(`The journal has not yet counted ${read.uncounted} of its events. It counts them when it starts.`);
    }
    // the store of a worker that is not enabled may be missing
    const enabled = new Set(enabledWorkers(fleet, config).map(({ store }) => store));
    return read.unread.filter((service) => enabled.has(service));
  });
  requireAllRead(context, unread);
}

async function print(
  flow: Flow,
  findings: Findings,
  observed: ObservedFlow | undefined,
  format: Format | undefined,
  context: Context,
): Promise<void> {
  switch (format) {
    case undefined:
      return observed === undefined ? printTable(flow, findings, context) : printObserved(observed, context);
    case 'json': {
      const json = { parts: flow.parts, edges: edgesOf(flow), findings: findingsJson(findings) };
      return context.printJson({ ...json, ...(observed && { observed }) }, 2);
    }
    case 'dot':
      return printText(dotOf(diagramOf(flow, findings, observed)), context);
    case 'mermaid':
      return printText(mermaidOf(diagramOf(flow, findings, observed)), context);
    case 'svg':
      return printText(await svgOf(diagramOf(flow, findings, observed)), context);
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
