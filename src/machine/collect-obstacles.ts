import { TorporError } from '../base/errors.ts';
import type { Obstacle } from './fences.ts';

/** For a plan that is to name everything that is in its way: what an attempt throws becomes an obstacle, and its result null. */
export function collectObstacles(): {
  readonly obstacles: Obstacle[];
  attempt<T>(action: () => T): T | null;
} {
  const obstacles: Obstacle[] = [];
  return {
    obstacles,
    attempt(action) {
      try {
        return action();
      } catch (error) {
        if (!(error instanceof TorporError)) throw error;
        obstacles.push({ code: error.code, message: error.message, hint: error.hint ?? '' });
        return null;
      }
    },
  };
}
