const PLAIN = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Whether a text is lower case letters, digits and single dashes, as workers, projections, sagas and their steps are
 *  called: fit for queues, streams, folders and variables of the environment. */
export function isPlainName(text: string): boolean {
  return PLAIN.test(text);
}
