import pino from 'pino';

export type Logger = pino.Logger;

/** One JSON line an event on stdout. The message is an event name, `noun.past`; the data are fields. */
export function createLog(role: string, nodeId: string, level: string): Logger {
  return pino({ level, base: { role, nodeId }, timestamp: pino.stdTimeFunctions.isoTime });
}

export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
