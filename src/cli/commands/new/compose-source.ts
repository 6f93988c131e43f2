import { UsageError } from '../../shared/failure.js';
import { namesOf, type WorkerNames } from './names.js';

/** One service: where its lines begin and end, without what separates it from the next. */
interface Block {
  name: string;
  start: number;
  end: number;
}

/**
 * docker-compose.yml with one service more, made after the last service of a worker that has a store of its own, and
 * with a volume for its store. Nothing else in the file changes, comments included. Throws `UsageError` where there is
 * no such service.
 */
export function withService(source: string, names: WorkerNames): string {
  const lines = source.split('\n');
  const services = blocksOf(lines, 'services');
  if (services.some(({ name }) => name === names.name)) {
    throw new UsageError(`docker-compose.yml has a service ${names.name} already`);
  }
  if (blocksOf(lines, 'volumes').some(({ name }) => name === names.name)) {
    throw new UsageError(`docker-compose.yml has a volume ${names.name} already`);
  }
  const model = services.findLast(({ name, start, end }) => {
    const text = lines.slice(start, end).join('\n');
    return text.includes(`[worker, ${name}]`) && text.includes(`- ${name}:/`);
  });
  const lastVolume = blocksOf(lines, 'volumes').at(-1);
  const lastService = services.at(-1);
  if (model === undefined || lastVolume === undefined || lastService === undefined) {
    throw new UsageError(
      `docker-compose.yml has no service of a worker to go by; add the service ${names.name} by hand`,
    );
  }
  const service = lines.slice(model.start, model.end).map((line) => renamed(line, namesOf(model.name), names));
  // From the end, so that what comes before stays where it is.
  const insertions = [
    { at: lastVolume.end, text: [`  ${names.name}:`] },
    { at: lastService.end, text: ['', ...service] },
  ].sort((a, b) => b.at - a.at);
  for (const { at, text } of insertions) lines.splice(at, 0, ...text);
  return lines.join('\n');
}

/** The entries of a top-level section, by indentation. */
function blocksOf(lines: readonly string[], section: string): Block[] {
  const blocks: Block[] = [];
  const begin = lines.indexOf(`${section}:`) + 1;
  if (begin === 0) return blocks;
  for (let at = begin; at < lines.length && !/^[^\s#]/.test(lines[at] ?? ''); at += 1) {
    const line = lines[at] ?? '';
    const [, name] = /^ {2}([A-Za-z0-9._-]+):/.exec(line) ?? [];
    const open = blocks.at(-1);
    if (name !== undefined) blocks.push({ name, start: at, end: at + 1 });
    else if (open !== undefined && /^ {3,}\S/.test(line)) open.end = at + 1;
  }
  return blocks;
}

function renamed(line: string, from: WorkerNames, to: WorkerNames): string {
  return line
    .replace(new RegExp(`(?<![\\w-])${from.name}(?![\\w-])`, 'g'), to.name)
    .replaceAll(`${from.environment}_REPLICAS`, `${to.environment}_REPLICAS`);
}
