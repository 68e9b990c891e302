/** Runs `task` once after `delayMs` and returns how to call that off. */
export type Schedule = (task: () => void, delayMs: number) => () => void;

/** By a timer that does not keep the process alive. */
export const byTimer: Schedule = (task, delayMs) => {
  const timer = setTimeout(task, delayMs).unref();
  return () => clearTimeout(timer);
};
