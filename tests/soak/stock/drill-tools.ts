import { installInitramfs, leaveMoment, must, requireMoment } from '../../lab/stock/moment.ts';
import { stopInOrder } from '../../lab/stock/orderly-stop.ts';
import { prepareOs } from './stock-pair.ts';

/** What a drill does in the OS that runs. */
export const DRILL_TOOLS = { prepareOs, leaveMoment, requireMoment, installInitramfs, must, stopInOrder };
export type DrillTools = typeof DRILL_TOOLS;
