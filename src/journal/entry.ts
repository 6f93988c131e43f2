/** An event as the journal has it. */
export interface JournalEntry {
  /** Where it stands among all others, in the order of their times; sorts as text, and can be kept. */
  place: string;
  /** The service that said it. */
  source: string;
  /** Unique within its source. */
  id: string;
  type: string;
  subject: string;
  correlationId: string;
  /** Milliseconds since the epoch. */
  time: number;
  /** The envelope as it was published, byte for byte. */
  body: string;
  /** Its place in the log; null where it was taken from the store of its service. */
  offset: number | null;
}

/** Which events are meant; all that are named must hold. */
export interface JournalFilter {
  /** Types or topic patterns, any of which may match. */
  types?: readonly string[];
  source?: string;
  subject?: string;
  correlationId?: string;
  /** RFC 3339, inclusive. */
  since?: string;
  /** RFC 3339, exclusive. */
  until?: string;
}
