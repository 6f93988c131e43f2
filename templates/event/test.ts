import assert from 'node:assert/strict';
{{runner}}import { originContext } from 'flotilla';
import { platform } from '../../platform/catalogue.{{extension}}';

describe('{{type}}', () => {
  const data = {{data}};
  const context = originContext({ source: 'test', subject: '{{subject}}/1' });

  it('is created from its data', () => {
    assert.deepEqual(platform.create('{{type}}', data, context).data, data);
  });

  it('rejects unknown fields', () => {
    const more = { ...data, unknown: 1 };
    assert.throws(() => platform.create('{{type}}', more, context), { code: 'contract.invalid_data' });
  });
});
