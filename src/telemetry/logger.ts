import type { Writable } from 'node:stream';
import winston from 'winston';
import { jsonLine, textLine } from './log-line.js';
import { logOutput } from './log-output.js';

/** The logger of a process. */
export type Logger = winston.Logger;
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
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', format = 'json', fields = {}, stream = process.stderr } = options;
  const { combine, timestamp, printf, errors } = winston.format;
  const output = logOutput(stream, (missing) => logger.warn('Log lines could not be written', { missing }));
  const logger = winston.createLogger({
    level,
    defaultMeta: fields,
    format:
      format === 'json'
        ? combine(errors({ stack: true }), timestamp(), printf(jsonLine))
        : combine(errors({ stack: true }), timestamp({ format: 'HH:mm:ss.SSS' }), printf(textLine)),
    transports: [new winston.transports.Stream({ stream: output })],
  });
  return logger;
}

/** Creates a logger that discards all entries. */
export function silentLogger(): Logger {
  return winston.createLogger({ silent: true, transports: [new winston.transports.Console()] });
}
