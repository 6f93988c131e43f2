import assert from 'node:assert/strict';
{{runner}}import { platform } from '../../platform/catalogue.{{extension}}';

describe('{{type}} {{version}}', () => {
  const stored = {
    specversion: '1.0',
    id: 'event-1',
    source: 'test',
    type: '{{type}}',
    subject: '{{subject}}/1',
    time: '2026-01-31T08:00:00Z',
    dataschema: 'urn:flotilla:{{type}}:{{previous}}',
    data: {{data}},
  };

  it('is what a handler receives of version {{previous}}', () => {
    const { data } = platform.decode(Buffer.from(JSON.stringify(stored)), 'application/cloudevents+json');
    assert.deepEqual(data, {{upcast}});
  });
});
