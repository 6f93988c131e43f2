import { Writable } from 'node:stream';
import winston from 'winston';

export interface LogLine extends Record<string, unknown> {
  level: string;
  message: string;
}

/** A logger that records its lines. */
export function recordingLogger(level = 'info'): { logger: winston.Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine);
      done();
    },
  });
  const transports = [new winston.transports.Stream({ stream })];
  return { logger: winston.createLogger({ level, format: winston.format.json(), transports }), lines };
}
