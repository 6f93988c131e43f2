import type { Snapshot } from '../store/store.js';

/** Determines when the state of an aggregate is stored beside its events. */
export interface SnapshotPolicy {
  /** The number of events between two snapshots. */
  every: number;
  /** The version of the state's format. Increment it with every change of the state or of how `evolve` derives it:
   *  snapshots of another shape are ignored, and the state is rebuilt from the events. */
  shape: number;
}

/** Returns the state in the stream's snapshot; undefined without a policy, a snapshot, or a matching shape. */
export async function readSnapshot<State>(
  reader: { snapshot(stream: string): Promise<Snapshot | undefined> },
  policy: SnapshotPolicy | undefined,
  stream: string,
): Promise<{ state: State; version: number } | undefined> {
  if (policy === undefined) return undefined;
  const snapshot = await reader.snapshot(stream);
  if (snapshot?.shape !== policy.shape) return undefined;
  return { state: snapshot.state as State, version: snapshot.version }; // the shape identifies the type
}

/** Returns the snapshot to store with new events; undefined until `every` events have followed the last snapshot. */
export function dueSnapshot(
  policy: SnapshotPolicy | undefined,
  { state, version }: { state: unknown; version: number },
  snapshotVersion: number,
): Snapshot | undefined {
  if (policy === undefined || version - snapshotVersion < policy.every) return undefined;
  return { version, shape: policy.shape, state };
}
