/** A part of an event that is split. */
export interface EventPart<Data> {
  data: Data;
  /** One line of at most 256 characters: a part with the same id in another event of the same source is counted once.
   *  @default none: a part is repeated only if its event is */
  id?: string | undefined;
}
