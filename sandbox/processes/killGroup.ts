/** Sends a signal to a process group, or to the one process where it leads none. A process that is gone is no error. */
export const killGroup = (pid: number, signal: NodeJS.Signals): void => {
  for (const target of process.platform === "win32" ? [pid] : [-pid, pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch {
      // Not there, or not a group leader: the next target, then nothing.
    }
  }
};
