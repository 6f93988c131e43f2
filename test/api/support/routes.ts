import { z } from 'zod';
import type { Decider } from '../../../src/aggregates/decider.js';
import { checkVersion } from '../../../src/aggregates/expected-versions.js';
import { executeCommand } from '../../../src/aggregates/execute.js';
import { ProblemError } from '../../../src/api/problems/problems.js';
import { defineRoute } from '../../../src/api/route.js';
import { PermanentError } from '../../../src/errors.js';
import { createEvent } from '../../../src/events/create.js';
import { event } from '../../../src/events/definition.js';
import { newId } from '../../../src/events/ids.js';

export const definitions = { 'note.written': event({ 1: z.strictObject({ text: z.string() }) }) };

type Written = { type: 'note.written'; data: { text: string } };

const note: Decider<number, { text: string }, Written> = {
  aggregate: 'note',
  events: ['note.written'],
  initial: 0,
  decide: ({ text }, written) => {
    if (text === 'forbidden') throw new PermanentError('note.forbidden', 'This may not be written');
    if (written >= 2) throw new PermanentError('note.full', 'A note takes two texts');
    return [{ type: 'note.written', data: { text } }];
  },
  evolve: (written) => written + 1,
};

/** How often transactions of writes have run. */
export const runs = { count: 0 };

/** Blocks a route until the test continues it. */
export const gates = { hold: Promise.resolve(), entered: () => undefined as void };

export const createNote = defineRoute({
  method: 'post',
  path: '/notes',
  summary: 'Write a note',
  body: z.strictObject({ text: z.string().min(1).max(100), priority: z.int().positive().optional() }),
  responses: { 201: z.object({ id: z.uuid(), text: z.string() }) },
  problems: [{ code: 'note.forbidden', status: 403, title: 'This may not be written' }],
  handler: async ({ body, commit, origin }) => {
    gates.entered();
    await gates.hold;
    return commit(async (tx) => {
      runs.count += 1;
      const id = newId();
      const created = createEvent(definitions, 'note.written', { text: body.text }, origin(`note/${id}`));
      await tx.append(`note/${id}`, 'none', [created]);
      if (body.text === 'forbidden') throw new PermanentError('note.forbidden', 'This may not be written');
      if (body.text === 'broken') throw new Error('secret: the password is hunter2');
      return { status: 201, headers: { Location: `/notes/${id}` }, body: { id, text: body.text } };
    });
  },
});

export const addText = defineRoute({
  method: 'post',
  path: '/notes/:id/texts',
  params: z.object({ id: z.uuid() }),
  body: z.object({ text: z.string() }),
  handler: async ({ params, body, commit, origin }) =>
    commit(async (tx) => {
      const { version } = await executeCommand(tx, definitions, note, params.id, body, { origin });
      return { status: 200, body: { id: params.id, version } };
    }),
});

export const closeNote = defineRoute({
  method: 'post',
  path: '/notes/:id/close',
  handler: async ({ commit }) => commit(async () => ({ status: 204 })),
});

export const getNote = defineRoute({
  method: 'get',
  path: '/notes/:id',
  handler: async ({ params, store }) => {
    const events = await store.read(`note/${params.id}`);
    if (events.length === 0) throw new ProblemError({ code: 'note.not_found', status: 404, title: 'No such note' });
    return { status: 200, body: { id: params.id, texts: events.length } };
  },
});

export const listNotes = defineRoute({
  method: 'get',
  path: '/notes',
  query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(20), author: z.string().optional() }),
  handler: async ({ query, store }) => ({
    status: 200,
    body: { limit: query.limit, events: await store.head() },
  }),
});

export const slow = defineRoute({
  method: 'get',
  path: '/slow',
  handler: ({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
    }),
});

export const replaceNote = defineRoute({
  method: 'put',
  path: '/notes/:id',
  ifMatch: true,
  versioned: true,
  handler: async ({ params, expectedVersion, commit, origin }) =>
    commit(async (tx) => {
      const stream = `note/${params.id}`;
      if (expectedVersion !== undefined) checkVersion(stream, (await tx.read(stream)).length, expectedVersion);
      const written = createEvent(definitions, 'note.written', { text: 'new' }, origin(stream));
      const { version } = await tx.append(stream, expectedVersion === undefined ? 'none' : 'any', [written]);
      return { status: 200, body: { version }, version };
    }),
});

const aTeapot = { code: 'tea.pot', status: 418, title: 'A teapot' };

export const teapot = defineRoute({
  method: 'get',
  path: '/teapot',
  versioned: true,
  responses: { 200: z.object({}) },
  problems: [aTeapot],
  handler: async () => {
    const members = { spout: 'short', status: 200, code: 'mine', title: 'mine' };
    throw new ProblemError(aTeapot, { members });
  },
});

export const routes = [createNote, addText, closeNote, getNote, listNotes, replaceNote, slow, teapot];
