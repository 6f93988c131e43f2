/** Does something once, after so many milliseconds. Gives the way to call it off. */
export type StartTimer = (milliseconds: number, work: () => void) => () => void;

/** In real time. */
export const realTimer: StartTimer = (milliseconds, work) => {
  const timer = setTimeout(work, milliseconds);
  return () => clearTimeout(timer);
};
