import { errorOf } from '../../errors.js';
import { Emissions, runEffects } from './effects.js';
import { openHandlerContext } from './context.js';
import type { Message } from '../pipeline/message.js';
import type { WorkerPipelineContext } from '../pipeline/context.js';

/** Runs the worker's `onRetriesExhausted`. Its writes are committed once per event, under a separate inbox key: the
 *  event itself does not count as handled, and a replay may still succeed. Does not run for an event that was handled
 *  before and fails only in a replay with `--again`. */
export async function commitRetriesExhausted(
  pipeline: WorkerPipelineContext,
  message: Message,
  thrown: unknown,
): Promise<void> {
  const { definition, store } = pipeline;
  const { event, key } = message;
  if (definition.onRetriesExhausted === undefined || event === undefined || key === undefined) return;
  if (key.consumer !== definition.name && (await store.handled({ ...key, consumer: definition.name }))) return;
  const emissions = new Emissions(pipeline, event, 'exhausted');
  const context = openHandlerContext(pipeline, event, emissions, {
    attempt: message.attempt,
    mayHaveRunBefore: true,
    key: event.id,
    signal: message.signal,
  });
  try {
    definition.onRetriesExhausted(event, errorOf(thrown), context.ctx);
  } catch (error) {
    throw errorOf(error);
  } finally {
    context.revoke();
  }
  await store.transaction(async (tx) => {
    if (await tx.markHandled({ ...key, consumer: `${definition.name}:exhausted` })) {
      await runEffects(tx, context.effects, emissions);
    }
  });
}
