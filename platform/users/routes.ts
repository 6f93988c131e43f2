import { newId, type StreamReader } from 'flotilla';
import { defineRoute, ProblemError, type ProblemType, type Reply, type Route } from 'flotilla/http';
import { z } from 'zod';
import { platform } from '../catalogue.js';
import { email, personName } from '../fields.js';
import { defaultPreferences, preferences } from './events.js';
import { user } from './user.js';

const tag = 'Users';

const userNotFound = {
  code: 'user.not_found',
  status: 404,
  title: 'User not found',
  remedy: 'Check the id.',
} satisfies ProblemType;

const newUser = z
  .strictObject({ name: personName, email, preferences: preferences.default(defaultPreferences) })
  .meta({ id: 'NewUser', description: 'A user to create' });

const userBody = z
  .object({ id: z.string(), name: z.string(), email: z.string(), preferences, createdAt: z.iso.datetime() })
  .meta({ id: 'User', description: 'A user' });

export const userRoutes: Route[] = [
  defineRoute({
    method: 'post',
    path: '/users',
    operationId: 'createUser',
    tag,
    summary: 'Create a user',
    description: 'The user gets a welcome mail.',
    body: newUser,
    emits: ['user.created'],
    responses: { 201: userBody },
    versioned: true,
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        const userId = newId();
        await platform.execute(tx, user, userId, { type: 'create', userId, ...body }, { origin });
        return { ...(await present(201, tx, userId)), headers: { Location: `/users/${userId}` } };
      }),
  }),

  defineRoute({
    method: 'get',
    path: '/users/:id',
    operationId: 'getUser',
    tag,
    summary: 'Read a user',
    description: 'As of the last committed event.',
    responses: { 200: userBody },
    problems: [userNotFound],
    versioned: true,
    handler: ({ params, store }) => present(200, store, params.id),
  }),
];

/** Resolves with the reply that contains the user in its current state, rebuilt from its events. Throws
 *  `user.not_found`. */
async function present(status: number, reader: StreamReader, id: string): Promise<Reply> {
  const events = await reader.read(`user/${id}`);
  const { state, version } = platform.rehydrate(user, events);
  const [first] = events;
  if (state.user === undefined || first === undefined) {
    throw new ProblemError(userNotFound);
  }
  const { userId, name, email: address, preferences: chosen } = state.user;
  const body = { id: userId, name, email: address, preferences: chosen, createdAt: first.event.time };
  return { status, body: body satisfies z.infer<typeof userBody>, version };
}
