import type { Snapshot } from '../store/store.js';

/** When the state of an aggregate is stored beside its events. */
export interface SnapshotPolicy {
  /** The number of events after which the next snapshot is stored. */
  every: number;
  /** The version of the state's shape. Increment it with every change of the state or of what `evolve` derives from an event:
   *  snapshots of another shape are ignored, and the state is rebuilt from the events. */
  shape: number;
}

/** The state in the stream's snapshot; undefined without a policy, a snapshot, or one of the policy's shape. */
export async function readSnapshot<State>(
  reader: { snapshot(stream: string): Promise<Snapshot | undefined> },
  policy: SnapshotPolicy | undefined,
  stream: string,
): Promise<{ state: State; version: number } | undefined> {
  if (policy === undefined) return undefined;
  const snapshot = await reader.snapshot(stream);
  if (snapshot?.shape !== policy.shape) return undefined;
  return { state: snapshot.state as State, version: snapshot.version }; // its shape says that it is one
}

/** The snapshot to store with new events; undefined until `every` events have followed the last one, at `snapshotVersion`. */
export function dueSnapshot(
  policy: SnapshotPolicy | undefined,
  { state, version }: { state: unknown; version: number },
  snapshotVersion: number,
): Snapshot | undefined {
  if (policy === undefined || version - snapshotVersion < policy.every) return undefined;
  return { version, shape: policy.shape, state };
}
