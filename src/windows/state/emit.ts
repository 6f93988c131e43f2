import { createEvent } from '../../events/create.js';
import type { DeriveId } from '../../events/ids.js';
import type { Tx } from '../../store/store.js';
import type { WindowsDefinition } from '../definition.js';
import type { WindowData } from '../window-result.js';
import type { Content } from './closing.js';

export interface EmitOptions {
  /** The service of the store. */
  service: string;
  deriveId: DeriveId;
  now: () => number;
}

/** Appends a result. Its id depends on the definition, the window and the revision only. */
export async function emitResult(
  tx: Tx,
  definition: WindowsDefinition,
  { end, content, revision, watermark }: { end: number; content: Content; revision: number; watermark: number },
  { service, deriveId, now }: EmitOptions,
): Promise<WindowData> {
  const { name, version, emits, definitions, window, result } = definition;
  const { key, count, late, state } = content;
  const start = end - window.size;
  const idOf = (of: number) => deriveId(end, 'windows', name, version, key, start, of);
  const id = idOf(revision);
  const info: WindowData = {
    ...{ key, start, end, count, late, final: end <= watermark, revision },
    ...(revision > 0 && { corrects: idOf(revision - 1) }),
    ...{ watermark, version },
  };
  const context = {
    ...{ id, correlationId: id, source: service, subject: subjectOf(definition, key) },
    // that of an early result has not passed yet
    time: new Date(Math.min(end, Math.max(now(), start))).toISOString(),
  };
  const event = createEvent(definitions, emits, { ...result(state, info), window: info }, context);
  await tx.append(context.subject, 'any', [event]);
  return info;
}

/** The subject of the results of a key. */
export function subjectOf({ name }: Pick<WindowsDefinition, 'name'>, key: string): string {
  return `${name}/${key}`;
}
