import { defineRoute, handleCommand, newId, ProblemError, rehydrate, type Route, type StoredEvent } from 'flotilla';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { email, personName } from '../fields.js';
import { user } from './user.js';

const userBody = z.object({ id: z.string(), name: z.string(), email: z.string(), createdAt: z.iso.datetime() });

export const userRoutes: Route[] = [
  defineRoute({
    method: 'post',
    path: '/users',
    summary: 'Create a user, who is mailed a welcome',
    body: z.strictObject({ name: personName, email }),
    responses: { 201: userBody },
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        const userId = newId();
        await handleCommand(tx, platform.definitions, user, userId, { type: 'create', userId, ...body }, origin);
        const created = present(await tx.read(`user/${userId}`));
        return { status: 201, headers: { Location: `/users/${userId}` }, body: created };
      }),
  }),

  defineRoute({
    method: 'get',
    path: '/users/:id',
    summary: 'A user',
    responses: { 200: userBody },
    handler: async ({ params, store }) => ({ status: 200, body: present(await store.read(`user/${params.id}`)) }),
  }),
];

/** The user that a stream tells of. Throws `user.not_found`. */
function present(events: readonly StoredEvent[]): z.infer<typeof userBody> {
  const { state } = rehydrate(platform.definitions, user, events);
  const [first] = events;
  if (state.user === undefined || first === undefined) {
    throw new ProblemError(404, 'user.not_found', 'There is no such user');
  }
  const { userId, name, email: address } = state.user;
  return { id: userId, name, email: address, createdAt: first.event.time };
}
