import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../src/telemetry/metrics.js';

const root = new URL('../../', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const run = promisify(execFile);

const metricSchema = z.object({
  name: z.string(),
  labelNames: z.array(z.string()).default([]),
});

const build = { service: 'api', version: '1' };
const metrics = createMetrics({ process: true, build })
  .registry.getMetricsAsArray()
  .map((metric) => metricSchema.parse(metric))
  .filter(({ name }) => name.startsWith('flotilla_'));

const rules = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(['info', 'warning', 'critical']) }),
            annotations: z.object({ summary: z.string(), action: z.string(), runbook: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(text('deploy/prometheus-alerts.yml')))
  .groups.flatMap((group) => group.rules);

const ruleTests = z
  .object({
    tests: z.array(
      z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })) }),
    ),
  })
  .parse(parse(text('deploy/prometheus-alerts.test.yml')))
  .tests.flatMap((test) => test.alert_rule_test);

describe('monitoring', () => {
  it('every alert links to a section of the runbook, and monitoring.md has its first steps', () => {
    const headings = [...text('docs/operations/runbook.md').matchAll(/^#{2,3} (.+)$/gm)].map(([, title = '']) => title);
    const anchors = headings.map((title) => title.toLowerCase().replaceAll(' ', '-'));
    const sections = anchors.map((anchor) => `docs/operations/runbook.md#${anchor}`);
    const rows = [
      ...text('docs/operations/monitoring.md').matchAll(/^\| \[`(\w+)`\]\(runbook\.md#(.+?)\) \| (\w+) \|/gm),
    ];
    const documented = rows.map(([, alert, anchor, severity]) => ({ alert, anchor, severity }));
    const expected = rules.map(({ alert, annotations, labels }) => {
      expect(sections, alert).to.include(annotations.runbook);
      return { alert, anchor: annotations.runbook.split('#')[1], severity: labels.severity };
    });
    expect(documented).to.have.deep.members(expected);
  });

  for (const { alert, expr } of rules) {
    it(`${alert} uses metrics and labels that exist`, () => {
      const used = [...expr.matchAll(/flotilla_\w+?(?=_count\b|\b)(?:_count)?(?:\{(.*?)\})?/g)];
      for (const [selector, matchers = ''] of used) {
        const [name = ''] = /^\w+/.exec(selector) ?? [];
        const metric = metrics.find((each) => name === each.name || name === `${each.name}_count`);
        expect(metric, name).not.to.equal(undefined);
        const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
        expect(metric?.labelNames, selector).to.include.members(labels);
      }
      const grouped = [...expr.matchAll(/by \(([\w, ]+)\)/g)].flatMap(([, list = '']) => list.split(', '));
      const known = ['instance', ...metrics.flatMap(({ labelNames }) => labelNames)];
      expect(known).to.include.members(grouped);
    });
  }

  it('alerts of windows and Kafka have rule tests in which they fire, and in which they do not', () => {
    const names = rules.map(({ alert }) => alert).filter((alert) => /^Flotilla(Windows|Kafka)/.test(alert));
    expect(names).not.to.have.length(0);
    for (const name of names) {
      const counts = ruleTests.filter(({ alertname }) => alertname === name).map((test) => test.exp_alerts.length);
      expect(counts, name).to.include(0);
      expect(Math.max(0, ...counts), name).to.be.above(0);
    }
  });

  it('passes the rule tests of promtool, if installed', async function () {
    const cwd = fileURLToPath(new URL('deploy', root));
    try {
      await run('promtool', ['test', 'rules', 'prometheus-alerts.test.yml'], { cwd });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return this.skip();
      throw error;
    }
  });
});
