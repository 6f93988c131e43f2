import type { Writable } from 'node:stream';
import type winston from 'winston';
import { packages } from '../packages.js';
import { jsonLine, textLine } from './log-line.js';
import { logOutput } from './log-output.js';

/** Writes one entry; `fields` are added to it. */
type Log = (message: string, fields?: object) => unknown;

/** The logger of a process: the part of a winston logger that is used. */
export interface Logger {
  error: Log;
  warn: Log;
  info: Log;
  debug: Log;
  log: (level: string, message: string, fields?: object) => unknown;
  /** Returns a logger that adds these fields to every entry. */
  child: (fields: object) => Logger;
  isDebugEnabled: () => boolean;
}
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LoggerOptions {
  level?: LogLevel;
  /** `json`: one line per entry, for machines. `text`: for people. */
  format?: 'json' | 'text';
  /** Written with every line: service, worker, instance. */
  fields?: Record<string, string>;
  /** @default standard error, so that standard output contains only the result of a command */
  stream?: Writable;
}

/** Creates a logger that writes one line per entry; lines that cannot be written are dropped and counted. */
export function createLogger(options: LoggerOptions = {}): winston.Logger {
  const { level = 'info', format = 'json', fields = {}, stream = process.stderr } = options;
  const { format: formats, createLogger: create, transports } = packages.winston;
  const { combine, timestamp, printf, errors } = formats;
  const output = logOutput(stream, (missing) => logger.warn('Log lines could not be written', { missing }));
  const logger = create({
    level,
    defaultMeta: fields,
    format:
      format === 'json'
        ? combine(errors({ stack: true }), timestamp(), printf(jsonLine))
        : combine(errors({ stack: true }), timestamp({ format: 'HH:mm:ss.SSS' }), printf(textLine)),
    transports: [new transports.Stream({ stream: output })],
  });
  return logger;
}

/** Creates a logger that discards all entries. */
export function silentLogger(): Logger {
  const discard = () => undefined;
  return {
    error: discard,
    warn: discard,
    info: discard,
    debug: discard,
    log: discard,
    child: silentLogger,
    isDebugEnabled: () => false,
  };
}
