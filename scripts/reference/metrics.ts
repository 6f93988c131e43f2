import { z } from 'zod';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { code, page, plain, table } from './markdown.js';

const metricSchema = z.object({
  name: z.string(),
  help: z.string(),
  type: z.string(),
  labelNames: z.array(z.string()).default([]),
});

export function metricsPage(): string {
  const metrics = createMetrics({ process: true, build: { service: '', version: '' } })
    .registry.getMetricsAsArray()
    .map((metric) => metricSchema.parse(metric))
    .filter(({ name }) => name.startsWith('flotilla_'));
  return page(
    'Metrics',
    'src/telemetry/metrics.ts',
    'Every process serves these metrics at `/metrics` in the format of Prometheus, together with the metrics of Node.js and of the operating system process (`nodejs_*`, `process_*`). [Monitoring](../operations/monitoring.md) explains how to scrape, aggregate and alert on them.',
    table(
      ['name', 'type', 'labels', 'meaning'],
      metrics.map(({ name, type, labelNames, help }) => [
        code(name),
        type,
        labelNames.map(code).join(', '),
        plain(help),
      ]),
    ),
  );
}
