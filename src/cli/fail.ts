import { TorporError } from '../base/errors.ts';
import { EXIT_STATUS } from '../base/exit-status.ts';

/** Prints an error as text, or as one JSON object with `json`, on standard error; returns the exit status. */
export function reportFailure(error: unknown, json: boolean): number {
  if (!(error instanceof TorporError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(
      json ? `${JSON.stringify({ error: { code: null, message: text } })}\n` : `torpor: ${text}\n`,
    );
    return EXIT_STATUS.internal;
  }
  process.stderr.write(json ? `${JSON.stringify({ error })}\n` : renderError(error));
  return error.exitStatus;
}

function renderError(error: TorporError): string {
  const facts = Object.entries(error.facts)
    .filter(([, value]) => Array.isArray(value) && value.length > 0)
    .flatMap(([name, value]) => [`  ${name}:`, ...(value as readonly string[]).map((line) => `    ${line}`)]);
  const hint = error.hint === undefined ? [] : [`  → ${error.hint}`];
  return `${[`torpor: ${error.message} [${error.code}]`, ...facts, ...hint].join('\n')}\n`;
}
