import assert from 'node:assert/strict';
{{runner}}import { harness, type TestEvent } from 'flotilla/testing';
import {{variable}} from '../../workers/{{name}}/index.{{extension}}';

const events: TestEvent[] = [
{{events}}];

describe('worker {{name}}', () => {
  for (const event of events) {
    it(`stores a repeated ${event.type} once`, async () => {
      const { outcome } = await harness({{variable}})
        .given(event)
        .when(event)
        .result(async (store) => {
          const rows = await store.query<{ event_id: string }>`select event_id from {{table}}_seen`;
          assert.deepEqual(rows, [{ event_id: event.id }]);
        });
      assert.equal(outcome, 'duplicate');
    });
  }
});
