import { setTimeout as sleep } from 'node:timers/promises';
import { type ExecOptions, type ExecResult, execInOs, type Pong, pingAgent } from './agent-calls.ts';
import type { AgentClient } from './agent-client.ts';

/** A lost `arrived` is asked for after this time. */
const POLL_MS = 5_000;

/**
 * Runs a program that ends by entering `target`, as `torpor switch OS@TAG` does, and waits until
 * `target` runs. Null then: the program itself sleeps in the OS that it has left, or is gone with
 * what that OS was before it was restored. When the program ends first, it has failed: how it ended.
 * Throws E_TIMEOUT, E_LAB_COMMAND.
 */
export async function execAway(
  agent: AgentClient,
  argv: readonly string[],
  target: string,
  options: ExecOptions & { readonly pollMs?: number } = {},
): Promise<ExecResult | null> {
  const forget = new AbortController();
  let id = -1;
  const ended = execInOs(agent, argv, {
    ...options,
    forget: forget.signal,
    onId: (given) => {
      id = given;
    },
  });
  ended.catch(() => {});
  const hasEntered = ({ os, running }: Pong): boolean => os === target && !running.includes(id);
  let unsubscribe = (): void => {};
  const arrived = new Promise<null>((resolve) => {
    unsubscribe = agent.onEvent(async ({ os }) => {
      if (os !== target) return;
      const pong = await pingAgent(agent).catch(() => null);
      if (pong !== null && hasEntered(pong)) resolve(null);
    });
  });
  const asked = async (): Promise<null> => {
    for (;;) {
      await sleep(options.pollMs ?? POLL_MS);
      if (forget.signal.aborted) return null;
      const pong = await pingAgent(agent).catch(() => null);
      if (pong !== null && hasEntered(pong)) return null;
    }
  };
  try {
    return await Promise.race([ended, arrived, asked()]);
  } finally {
    forget.abort();
    unsubscribe();
  }
}
