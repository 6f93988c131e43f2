import { spec } from 'flotilla/testing';
import { user } from '../../../platform/users/user.js';
import { ada } from '../support/events.js';

const created = { type: 'user.created', data: ada } as const;

describe('platform: decisions of a user', () => {
  it('is created once', () => {
    spec(user)
      .when({ type: 'create', ...ada })
      .then(created);
    spec(user)
      .given(created)
      .when({ type: 'create', ...ada })
      .rejects('user.exists');
  });
});
