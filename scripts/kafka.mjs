import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { root } from './root.mjs';
import { say, SetupError, step } from './step.mjs';
import { installPackages } from './system-package.mjs';

/** Maven Central, or the mirror in MAVEN_REPOSITORY. */
const REPOSITORY = process.env.MAVEN_REPOSITORY ?? 'https://repo1.maven.org/maven2';
const DOWNLOAD_LIMIT_MS = 120_000;
const JAVA_PACKAGE = 'default-jre-headless';

/** The files of Apache Kafka 4.1.2 that a node without compression loads: path in the repository, SHA-256. */
const jars = JSON.parse(readFileSync(join(root, 'scripts/kafka-jars.json'), 'utf8'));
/** Its name changes with the list, so that an old folder is never used. */
const folder = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'flotilla',
  `kafka-${createHash('sha256').update(JSON.stringify(jars)).digest('hex').slice(0, 12)}`,
);

/** Returns the Java runtime and the class path of a Kafka node; undefined if one of them is not installed. */
export function findKafka() {
  const java = (process.env.PATH ?? '')
    .split(delimiter)
    .map((path) => join(path, 'java'))
    .find((path) => existsSync(path));
  if (java === undefined || !existsSync(folder)) return undefined;
  return { java, classPath: Object.keys(jars).map(jarOf).join(delimiter) };
}

function jarOf(path) {
  return join(folder, basename(path));
}

/** Installs Java and downloads Kafka if they are missing, unless KAFKA_BROKERS names a broker. Otherwise prints one line
 *  that says which tests are pending. */
export async function ensureKafka(why) {
  if (process.env.KAFKA_BROKERS !== undefined || findKafka() !== undefined) return;
  try {
    if (!existsSync(folder)) await step('Downloading Apache Kafka', `${why}; ${folder} keeps it`, download);
    if (findKafka() === undefined) await installPackages([JAVA_PACKAGE], why);
    if (findKafka() !== undefined) return;
    say(`${why}, but Java is not installed: these tests are pending. Debian: apt-get install ${JAVA_PACKAGE}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const reason = error.message.split('\n', 1).join('');
    say(`${why}, but it cannot be installed (${reason}): these tests are pending. KAFKA_BROKERS names another broker.`);
  }
}

async function download() {
  mkdirSync(join(folder, '..'), { recursive: true });
  const temporary = mkdtempSync(`${folder}-installing-`);
  try {
    await Promise.all(Object.entries(jars).map(([path, sha256]) => downloadJar(temporary, path, sha256)));
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // another process has installed it in the meantime
    if (!existsSync(folder)) throw error;
  }
}

async function downloadJar(to, path, sha256) {
  let bytes;
  try {
    const answer = await fetch(`${REPOSITORY}/${path}`, { signal: AbortSignal.timeout(DOWNLOAD_LIMIT_MS) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    bytes = Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    throw new SetupError(`${basename(path)} cannot be downloaded: ${error.message}`, { cause: error });
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new SetupError(`${basename(path)} has the checksum ${found}, not ${sha256}`);
  writeFileSync(join(to, basename(path)), bytes);
}
