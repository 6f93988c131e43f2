/** Says that this shell lacks the key of the fleet, which only commands that read do not need. */
export function withoutKey(id: string): string {
  return `this fleet signs with key ${id}; this shell has no key: set FLEET_KEY as in the processes`;
}
