export const PART_KINDS = [
  'route',
  'api',
  'worker',
  'saga',
  'windows',
  'projection',
  'keeper',
  'outside',
  'topic',
] as const;

/** What a part of a fleet is. `outside`: a publisher outside the fleet that its types allow. `topic`: one of Kafka, which
 *  reads what a sink publishes there, and emits what a source stores from there. */
export type PartKind = (typeof PART_KINDS)[number];

/** A part of a fleet that emits or reads messages. */
export interface Part {
  /** Unique: `worker:payment`, `route:POST /orders`. */
  readonly id: string;
  readonly kind: PartKind;
  readonly name: string;
  /** The service to whose store it appends, and from whose store a projection reads; a source for `outside`. */
  readonly service: string;
  /** The worker that runs it, for workers, sagas, windows and projections. */
  readonly worker?: string;
  /** Sorted. */
  readonly emits: readonly string[];
  /** Sorted. */
  readonly reads: readonly string[];
  /** The types that it reads although that may cause the same type again, and why that ends. */
  readonly cycles: readonly DeclaredCycle[];
}

/** Why messages that cause each other in a circle come to an end. */
export interface DeclaredCycle {
  readonly types: readonly string[];
  readonly reason: string;
}

/** A message type on its way from a part that emits it to a part that reads it. */
export interface Edge {
  /** The id of a part. */
  readonly from: string;
  readonly type: string;
  /** The id of a part. */
  readonly to: string;
}

/** The flow of messages in a fleet. */
export interface Flow {
  /** Sorted by id. */
  readonly parts: readonly Part[];
  /** The service of an API that does not declare what it appends; undefined if there is none. */
  readonly undeclaredApi?: string | undefined;
}

/** Returns the edges of a flow, sorted. A projection reads events of its own store only. */
export function edgesOf({ parts }: Pick<Flow, 'parts'>): Edge[] {
  const emitters = new Map<string, Part[]>();
  for (const part of parts) {
    for (const type of part.emits) emitters.set(type, [...(emitters.get(type) ?? []), part]);
  }
  const edges = parts.flatMap((reader) =>
    reader.reads.flatMap((type) =>
      (emitters.get(type) ?? [])
        .filter(({ service }) => reader.kind !== 'projection' || service === reader.service)
        .map(({ id: from }) => ({ from, type, to: reader.id })),
    ),
  );
  return edges.sort((a, b) => compare(a.from, b.from) || compare(a.type, b.type) || compare(a.to, b.to));
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
