import { readlinkSync } from 'node:fs';
import type { OnProgress, Progress } from '../base/progress.ts';
import { formatSize } from '../base/units.ts';

/** What is done before this time is not worth a line. */
const QUIET_MS = 1000;
/** A serial console or a log gets a line this often. */
const LINE_INTERVAL_MS = 10_000;
const BAR_COLUMNS = 20;
/** Back to the line's first column, and empty it. */
const ERASE_LINE = '\r\x1b[K';
/** A narrower terminal gets plain lines. */
const MIN_COLUMNS = 60;

/** The part of a tty.WriteStream that progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly fd?: number;
  write(text: string): unknown;
}

interface Surroundings {
  readonly now?: () => number;
  readonly term?: string | undefined;
  /** The path of the terminal. */
  readonly terminal?: string | null;
}

/**
 * Shows the progress of stages that take longer than a second: one line that is rewritten on a
 * terminal; plain lines, one every ten seconds, on a serial console or in a log. What was rewritten
 * is gone at the end of its stage, so that a result or an error begins a line of its own.
 */
export function reportProgress(stream: ProgressStream, surroundings: Surroundings = {}): OnProgress {
  const now = surroundings.now ?? (() => performance.now());
  const live = isLive(stream, surroundings);
  let stage: string | null = null;
  let nextMs = 0;
  let shown = false;
  const erase = (): void => {
    if (live && shown) stream.write(ERASE_LINE);
    shown = false;
  };
  return (progress) => {
    const isDone = progress.doneBytes >= progress.totalBytes;
    if (progress.stage !== stage) {
      erase();
      stage = progress.stage;
      nextMs = now() + QUIET_MS;
    }
    if (isDone) return erase();
    if (now() < nextMs) return;
    stream.write(live ? `${ERASE_LINE}${renderBar(progress)}` : `${renderLine(progress)}\n`);
    shown = true;
    if (!live) nextMs = now() + LINE_INTERVAL_MS;
  };
}

/** The progress of a command: on standard error; silent with `--json` unless somebody looks on. */
export function commandProgress(options: { readonly json?: boolean }): OnProgress {
  return isWatched(options) ? reportProgress(process.stderr) : () => {};
}

export function isWatched(options: { readonly json?: boolean }): boolean {
  return options.json !== true || process.stderr.isTTY;
}

/** A serial console is a terminal too, but too slow for a line that is rewritten ten times a second. */
function isLive(stream: ProgressStream, surroundings: Surroundings): boolean {
  if (stream.isTTY !== true || (stream.columns ?? 0) < MIN_COLUMNS) return false;
  const term = 'term' in surroundings ? surroundings.term : process.env.TERM;
  if (term === undefined || term === 'dumb') return false;
  const terminal = surroundings.terminal ?? readTerminal(stream.fd);
  return terminal === null || !/^\/dev\/(tty[A-Z]|hvc|console)/.test(terminal);
}

function readTerminal(fd: number | undefined): string | null {
  try {
    return fd === undefined ? null : readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}

/** `read  ████████░░░░░░░░░░░░  42 %  1.2 of 2.8 GiB  310 MiB/s  0:05 left` */
function renderBar(progress: Progress): string {
  const filled = Math.floor((BAR_COLUMNS * progress.doneBytes) / progress.totalBytes);
  return `${progress.stage}  ${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)}  ${renderFigures(progress)}`;
}

/** `read: 42 %  1.2 of 2.8 GiB  310 MiB/s  0:05 left` */
function renderLine(progress: Progress): string {
  return `${progress.stage}: ${renderFigures(progress)}`;
}

function renderFigures(progress: Progress): string {
  const { doneBytes, totalBytes, rateBytesPerS, remainingS } = progress;
  const percent = Math.floor((100 * doneBytes) / totalBytes);
  return [
    `${String(percent).padStart(2)} %`,
    `${formatSize(doneBytes)} of ${formatSize(totalBytes)}`,
    `${formatSize(Math.round(rateBytesPerS))}/s`,
    ...(remainingS === null ? [] : [`${renderDuration(remainingS)} left`]),
  ].join('  ');
}

/** Seconds as `0:05`, `12:40` or `1:02:03`. */
export function renderDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
