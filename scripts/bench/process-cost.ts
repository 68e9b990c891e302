import { readFileSync, writeFileSync } from 'node:fs';

/** Linux reports CPU time to user space in hundredths of a second, whatever the kernel's own tick is. */
const TICK_MS = 10;

/** CPU time that a process has used so far, in user and kernel mode, all threads together, in ms. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; counted from behind it, utime and stime are fields 11 and 12.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process now, in kB. */
export function residentKbOf(pid: number): number {
  return statusKb(pid, 'VmRSS');
}

/** The most resident memory that a process had since `forgetPeak`, in kB. */
export function peakKbOf(pid: number): number {
  return statusKb(pid, 'VmHWM');
}

/** Makes the kernel measure the peak from now on (proc(5), clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function statusKb(pid: number, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line === null) throw new Error(`Expected /proc to know \`${name}\` of process ${pid}`);
  return Number(line[1]);
}
