/** The versions in which a reader receives events, ascending, by type. A type that is not listed is read in its latest
 *  version. */
export type RequestedVersions = ReadonlyMap<string, readonly number[]>;

/** Returns the version in which a reader receives an event: the lowest requested version that is not older than the one
 *  in which the event was written. An event that is newer than every requested version is read as the newest of them if
 *  it is readable from that version or an older one; otherwise undefined. */
export function readAs(
  written: number,
  requested: readonly number[],
  readableFrom: number | undefined,
): number | undefined {
  const version = requested.find((each) => each >= written);
  if (version !== undefined) return version;
  const newest = requested.at(-1);
  return newest !== undefined && readableFrom !== undefined && readableFrom <= newest ? newest : undefined;
}
