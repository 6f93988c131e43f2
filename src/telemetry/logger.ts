import winston from 'winston';
import { logOutput } from './log-output.js';

export type Logger = winston.Logger;
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LoggerOptions {
  level?: LogLevel;
  /** `json`: a line each, for machines. `text`: for people. */
  format?: 'json' | 'text';
  /** Written with every line: service, worker, instance. */
  fields?: Record<string, string>;
}

/** Writes to standard error, so that standard output stays what a command answers. Lines that cannot be written are dropped and
 *  counted. */
export function createLogger({ level = 'info', format = 'json', fields = {} }: LoggerOptions = {}): Logger {
  const { combine, timestamp, json, printf, errors } = winston.format;
  const stream = logOutput(process.stderr, (missing) => logger.warn('Log lines could not be written', { missing }));
  const logger = winston.createLogger({
    level,
    defaultMeta: fields,
    format:
      format === 'json'
        ? combine(errors({ stack: true }), timestamp(), json())
        : combine(errors({ stack: true }), timestamp({ format: 'HH:mm:ss.SSS' }), printf(textLine)),
    transports: [new winston.transports.Stream({ stream })],
  });
  return logger;
}

/** A logger that says nothing. */
export function silentLogger(): Logger {
  return winston.createLogger({ silent: true, transports: [new winston.transports.Console()] });
}

function textLine({ timestamp, level, message, ...rest }: winston.Logform.TransformableInfo): string {
  const fields = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${String(timestamp)} ${level.padEnd(5)} ${String(message)}${fields.length > 0 ? `  ${fields.join(' ')}` : ''}`;
}
