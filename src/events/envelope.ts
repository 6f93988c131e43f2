import { textLine } from './text-line.js';

/** The content type of an event on the wire: CloudEvents 1.0, structured JSON. */
export const CLOUDEVENTS_JSON = 'application/cloudevents+json';

/**
 * An event in the format of CloudEvents 1.0, with the extensions of this fleet.
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export interface EventEnvelope<Type extends string = string, Data = unknown> {
  specversion: '1.0';
  /** UUID; unique within `source`. */
  id: string;
  /** The service that emitted it. */
  source: string;
  /** The event or command type; also the routing key. */
  type: Type;
  /** The aggregate it concerns: `order/<id>`. */
  subject: string;
  /** When it happened, RFC 3339. */
  time: string;
  datacontenttype: 'application/json';
  /** `urn:flotilla:<type>:<version>`. */
  dataschema: string;
  /** The oldest version whose readers may read the data as their own, in decimal digits; lower than that of
   *  `dataschema`. Absent if only readers of the version itself, or of a later one, may read it. */
  readablefrom?: string;
  /** The id of the first request or event of the causal chain. */
  correlationid: string;
  /** The id of the event that caused this one; absent on the first event of a correlation id. */
  causationid?: string;
  /** The version of the aggregate within this source, in decimal digits. Set by the store. */
  sequence?: string;
  /** W3C Trace Context. */
  traceparent?: string;
  data: Data;
}

/** Maximum length of a subject. */
export const MAX_SUBJECT_LENGTH = 512;

/** A subject that every consumer accepts. */
export const subjectText = textLine(MAX_SUBJECT_LENGTH);

/** An event before it is appended: without its `sequence`. */
export type UnsequencedEvent = Omit<EventEnvelope, 'sequence'>;

/** The envelope attributes of a new event that its origin or cause determines. */
export interface EventContext {
  id: string;
  source: string;
  subject: string;
  time: string;
  correlationId: string;
  causationId?: string;
  traceparent?: string;
}
