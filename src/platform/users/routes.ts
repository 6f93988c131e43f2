import {
  defineRoute,
  handleCommand,
  newId,
  ProblemError,
  rehydrate,
  type Reply,
  type Route,
  type StreamReader,
} from 'flotilla';
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
    versioned: true,
    handler: ({ body, origin, commit }) =>
      commit(async (tx) => {
        const userId = newId();
        await handleCommand(tx, platform.definitions, user, userId, { type: 'create', userId, ...body }, origin);
        return { ...(await present(201, tx, userId)), headers: { Location: `/users/${userId}` } };
      }),
  }),

  defineRoute({
    method: 'get',
    path: '/users/:id',
    summary: 'A user',
    responses: { 200: userBody },
    versioned: true,
    handler: ({ params, store }) => present(200, store, params.id),
  }),
];

/** The answer that shows the user as its events make it now. Throws `user.not_found`. */
async function present(status: number, reader: StreamReader, id: string): Promise<Reply> {
  const events = await reader.read(`user/${id}`);
  const { state, version } = rehydrate(platform.definitions, user, events);
  const [first] = events;
  if (state.user === undefined || first === undefined) {
    throw new ProblemError(404, 'user.not_found', 'There is no such user');
  }
  const { userId, name, email: address } = state.user;
  const body = { id: userId, name, email: address, createdAt: first.event.time } satisfies z.infer<typeof userBody>;
  return { status, body, version };
}
