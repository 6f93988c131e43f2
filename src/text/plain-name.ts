const PLAIN = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Whether a text contains only lower case letters, digits and single dashes, as required for names of workers,
 *  projections, sagas and steps: valid in queues, streams, folders and environment variables. */
export function isPlainName(text: string): boolean {
  return PLAIN.test(text);
}
