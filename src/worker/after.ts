/** Does something once, after so many milliseconds. Gives the way to call it off. */
export type After = (milliseconds: number, work: () => void) => () => void;

/** In real time. */
export const realAfter: After = (milliseconds, work) => {
  const timer = setTimeout(work, milliseconds);
  return () => clearTimeout(timer);
};
