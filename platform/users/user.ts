import { PermanentError } from 'flotilla';
import { decider, type Data } from '../catalogue.js';

export interface UserState {
  user: Data<'user.created'> | undefined;
}

export interface CreateUser extends Data<'user.created'> {
  type: 'create';
}

/** A user, created once. */
export const user = decider('user.created')<UserState, CreateUser>({
  aggregate: 'user',
  initial: { user: undefined },
  decide: ({ userId, name, email, preferences }, state) => {
    if (state.user !== undefined) throw new PermanentError('user.exists', `There is a user ${userId} already.`);
    return [{ type: 'user.created', data: { userId, name, email, preferences } }];
  },
  evolve: (_state, event) => ({ user: event.data }),
});
