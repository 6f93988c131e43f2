import { createHmac } from 'node:crypto';
import { derivedId, joinParts, uuidOf, type DeriveId } from '../../events/ids.js';
import { FlotillaError } from '../../errors.js';

/** One secret of a fleet, with the keys derived from it. */
export interface FleetKey {
  /** Eight hexadecimal digits that identify the key without revealing it. */
  readonly id: string;
  /** Ids derived from causes of this time or later use this key; milliseconds since the epoch. */
  readonly since: number;
  readonly signing: Buffer;
  readonly deriving: Buffer;
  /** False for a key that is kept only for the ids of its time. */
  readonly isAccepted: boolean;
}

/** The secrets shared only by the processes of a fleet. */
export interface FleetKeys {
  /** The key that signs. */
  readonly current: FleetKey;
  /** Returns the accepted key with this id. */
  find(id: string): FleetKey | undefined;
  readonly deriveId: DeriveId;
}

const ENTRY = /^(ids:)?([^\s,@]{32,256})(?:@(\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z)?))?$/;

/**
 * Parses `FLEET_KEY`: comma-separated secrets of 32 to 256 characters. The first signs, all are accepted.
 * `<secret>@<date>` is used for ids of events whose cause is of that date (UTC) or later, so that introducing or
 * changing a key does not change the ids of events that are handled again. `ids:<secret>@<date>` is kept only for the
 * ids of its time. Throws `config.invalid`, which never contains the value.
 */
export function parseFleetKeys(text: string): FleetKeys {
  const keys = text.split(',').map((entry) => parseKey(entry.trim()));
  const [current] = keys;
  if (current?.isAccepted !== true) throw invalid('its first key must be one that signs');
  if (new Set(keys.map(({ since }) => since)).size !== keys.length) {
    throw invalid('each key but the oldest needs a date of its own: <secret>@2026-01-31T12:00Z');
  }
  const accepted = new Map(keys.filter(({ isAccepted }) => isAccepted).map((key) => [key.id, key]));
  const newestFirst = [...keys].sort((a, b) => b.since - a.since);
  return {
    current,
    find: (id) => accepted.get(id),
    deriveId(time, ...parts) {
      const key = newestFirst.find(({ since }) => since <= time);
      if (key === undefined) return derivedId(time, ...parts);
      return uuidOf(time, createHmac('sha256', key.deriving).update(joinParts(parts)).digest('hex'));
    },
  };
}

function parseKey(entry: string): FleetKey {
  const [, idsOnly, secret, date] = ENTRY.exec(entry) ?? [];
  const since = date === undefined ? -Infinity : Date.parse(date);
  if (secret === undefined || Number.isNaN(since)) {
    throw invalid('a key is 32 to 256 characters without blanks, commas and @, and may end with @<date>');
  }
  const derive = (purpose: string) => createHmac('sha256', secret).update(`flotilla ${purpose}`).digest();
  return {
    id: derive('key id').toString('hex').slice(0, 8),
    since,
    signing: derive('signatures'),
    deriving: derive('ids'),
    isAccepted: idsOnly === undefined,
  };
}

function invalid(detail: string): FlotillaError {
  return new FlotillaError('config.invalid', `FLEET_KEY: ${detail} (its value is not shown)`);
}
