import type { WindowInput } from './engine.js';

/** Why an event, or a part of it, is refused. */
export interface Refusal {
  code: string;
  message: string;
}

/** A part of an event. */
export interface ArrivingPart {
  input: WindowInput;
  /** Identifies it also in other events of the source; undefined: it has no id of its own. */
  id?: string | undefined;
  refusal?: Refusal | undefined;
}

/** An event that arrives at windows, as its parts; an event that is not split has one. */
export interface ArrivingEvent {
  id: string;
  source: string;
  parts: readonly ArrivingPart[];
}
