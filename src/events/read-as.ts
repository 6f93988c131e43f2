/** The versions in which a reader receives events, ascending, by type. A type that is not listed is read in its latest
 *  version. */
export type RequestedVersions = ReadonlyMap<string, readonly number[]>;

/** Returns the version in which a reader receives an event: the lowest requested version that is not older than the one
 *  in which the event was written. Undefined if the event is newer than every requested version. */
export function readAs(written: number, requested: readonly number[]): number | undefined {
  return requested.find((version) => version >= written);
}
