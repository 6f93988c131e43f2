import { resolve } from 'node:path';
import { loadConfig, type Config } from '../../config/load-config.js';
import type { FleetKeys } from '../../broker/signing/fleet-keys.js';
import type { Fleet } from '../../fleet/define-fleet.js';
import { escapedJson, printable } from '../../text/printable.js';
import { jsonLine, type LogEntry } from '../../telemetry/log-line.js';
import { createLogger, type Logger } from '../../telemetry/logger.js';
import { loadFleet } from '../../runtime/fleet/load-fleet.js';
import { loadFleetKeys } from '../../runtime/broker/open-broker.js';
import { readRunningParts } from '../../supervisor/fleet-state.js';
import type { Signals } from './signals.js';

/** The environment of every command. Configuration and fleet are loaded at their first use, because help and `new` need
 *  neither. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  /** The folder of the fleet. */
  readonly cwd: string;
  /** The file of this program, for processes that run one of its commands. */
  readonly program: string;
  /** The folder of this library. */
  readonly packageRoot: string;
  /** The version of this library. */
  readonly version: string;
  /** Aborts at the first SIGINT or SIGTERM, and when the supervisor that started this process has ended. */
  readonly signal: AbortSignal;
  /** Aborts at the second signal: exit immediately. */
  readonly forced: AbortSignal;
  /** Whether standard input is a terminal, so that the command can ask questions. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal, which can be redrawn. */
  readonly redrawable: boolean;
  /** Columns of the terminal at standard output; otherwise `MAX_LINE_WIDTH`, so that files and pipes receive whole
   *  values. */
  readonly width: number;
  /** Throws `config.invalid`. */
  readonly config: Config;
  /** The keys by which the fleet signs messages; undefined if it has none. Throws `config.invalid`. */
  readonly fleetKeys: FleetKeys | undefined;
  /** Rejects like `loadFleet`. */
  fleet(): Promise<Fleet>;
  /** Selects the file from which `fleet` loads the fleet, in place of the configured one. */
  readonly useFleet: (file: string) => void;
  /** Returns a logger with the configured level and format, which writes to standard error. */
  logger(fields?: Record<string, string>): Logger;
  /** Prints one line of the result on standard output: unsafe characters are escaped, and at most `width` columns
   *  printed. @default MAX_LINE_WIDTH */
  readonly print: (line: string, width?: number) => void;
  /** Prints a value as JSON on standard output. */
  readonly printJson: (value: unknown, indent?: number) => void;
  /** Replaces the contents of the terminal by these lines. */
  readonly redraw: (lines: readonly string[]) => void;
  /** Prints one line about the progress of the command on standard error, as `print` does, or as a log entry if
   *  `printsJson`. */
  readonly say: (line: string, entry?: Partial<LogEntry>) => void;
  /** Whether this is a service with a JSON log, so that its whole output is JSON. */
  readonly printsJson: boolean;
  /** Prints an entry of the log on standard output. */
  readonly printEntry: (message: string, fields: Record<string, unknown>) => void;
}

export interface ContextOptions {
  env: NodeJS.ProcessEnv;
  cwd: string;
  program: string;
  packageRoot: string;
  version: string;
  signals: Signals;
  stdin: { isTTY?: boolean };
  stdout: { write(text: string): unknown; columns?: number; isTTY?: boolean };
  stderr: { write(text: string): unknown; isTTY?: boolean };
  /** The name of the process, for commands that run until they are stopped. */
  service?: string | undefined;
}

/** The width of a terminal that does not report it. */
const DEFAULT_TERMINAL_WIDTH = 80;
/** A value may be as large as a message. */
export const MAX_LINE_WIDTH = 4000;

export function createContext(options: ContextOptions): Context {
  const { env, cwd, program, packageRoot, version, signals, stdin, stdout, stderr, service } = options;
  let config: Config | undefined;
  let fleet: Promise<Fleet> | undefined;
  const load = () => (config ??= loadOwn());
  const loadOwn = () => {
    const loaded = loadConfig(env, { terminal: stderr.isTTY === true });
    const isOperator = service === undefined && (env['WITH'] ?? '') === '';
    return isOperator ? { ...loaded, with: readRunningParts(resolve(cwd, loaded.dataDir)) } : loaded;
  };
  const isJson = () => service !== undefined && formatOf(load, env) === 'json';
  const entryLine = (message: string, fields: Partial<LogEntry> = {}) =>
    jsonLine({ timestamp: new Date().toISOString(), level: 'info', message, process: service, ...fields });
  return {
    env,
    cwd,
    program,
    packageRoot,
    version,
    signal: signals.stop,
    forced: signals.force,
    interactive: stdin.isTTY === true,
    redrawable: stdout.isTTY === true,
    width: stdout.isTTY === true ? stdout.columns || DEFAULT_TERMINAL_WIDTH : MAX_LINE_WIDTH,
    get config() {
      return load();
    },
    get fleetKeys() {
      return loadFleetKeys(this);
    },
    fleet() {
      fleet ??= loadFleet(cwd, this.config.fleetFile);
      return fleet;
    },
    useFleet(file) {
      env.FLOTILLA_FLEET = resolve(cwd, file); // for processes that this command starts
    },
    logger(fields = {}) {
      return createLogger({ level: this.config.logLevel, format: this.config.logFormat, fields });
    },
    print: (line, width = MAX_LINE_WIDTH) => void stdout.write(`${printable(line, width)}\n`),
    printJson: (value, indent) => void stdout.write(`${escapedJson(JSON.stringify(value, null, indent))}\n`),
    redraw: (lines) => void stdout.write(redrawn(lines)),
    say: (line, entry) => void stderr.write(`${isJson() ? entryLine(line, entry) : printable(line, MAX_LINE_WIDTH)}\n`),
    get printsJson() {
      return isJson();
    },
    printEntry: (message, fields) => void stdout.write(`${entryLine(message, fields)}\n`),
  };
}

/** Returns the format of the log, even if the configuration is invalid. */
function formatOf(load: () => Config, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return load().logFormat;
  } catch {
    return env['LOG_FORMAT'];
  }
}

/** Moves the cursor to the top left, prints each line and erases its rest, and erases the lines below (ECMA-48). */
function redrawn(lines: readonly string[]): string {
  const [home, endOfLine, below] = ['\u001b[H', '\u001b[K', '\u001b[J'];
  return `${home}${lines.map((line) => `${printable(line, MAX_LINE_WIDTH)}${endOfLine}\n`).join('')}${below}`;
}
