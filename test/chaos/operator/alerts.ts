/** A value of a metric with its labels. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** What Prometheus has at the beginning of a window of any length, and at its end. */
export interface Window {
  before: readonly Sample[];
  now: readonly Sample[];
}

export interface Rule {
  alert: string;
  expr: string;
}

/** The samples of `/metrics`. `labels` are those that Prometheus adds to each. */
export function samplesOf(text: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', own = '', value]) => ({
    name,
    labels: {
      ...labels,
      ...Object.fromEntries([...own.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])),
    },
    value: Number(value),
  }));
}

/** The alerts whose expression holds; they would fire after the time of their `for`. Throws for an expression that it does
 *  not understand. */
export function raised(rules: readonly Rule[], window: Window): string[] {
  return rules.filter(({ expr }) => new Expression(expr, window).value().length > 0).map(({ alert }) => alert);
}

const TOKEN = /\s*("[^"]*"|\d+[smhd]|[\d.]+|\w+|[=!]~|[=!]=|[>=<(){},[\]/])/y;

/** Evaluates the part of PromQL that the rules use, on two scrapes. */
class Expression {
  readonly #tokens: string[] = [];

  constructor(
    private readonly text: string,
    private readonly window: Window,
  ) {
    const token = new RegExp(TOKEN);
    for (let match = token.exec(text); match !== null; match = token.exec(text)) this.#tokens.push(match[1] ?? '');
  }

  value(): Sample[] {
    const value = this.#or();
    if (this.#tokens.length > 0) throw new Error(`not understood: ${this.#tokens.join(' ')} of ${this.text}`);
    return value;
  }

  #or(): Sample[] {
    let value = this.#unless();
    while (this.#accept('or')) {
      const other = this.#unless();
      value = [...value, ...other.filter((each) => !value.some((one) => isSame(one, each)))];
    }
    return value;
  }

  #unless(): Sample[] {
    let value = this.#comparison();
    while (this.#accept('unless')) {
      const on = this.#accept('on') ? this.#names() : undefined;
      const other = this.#comparison();
      value = value.filter((each) => !other.some((one) => isSame(one, each, on)));
    }
    return value;
  }

  #comparison(): Sample[] {
    const value = this.#quotient();
    const holds = COMPARISONS[this.#tokens[0] ?? ''];
    if (holds === undefined) return value;
    this.#tokens.shift();
    const limit = Number(this.#tokens.shift());
    return value.filter((each) => holds(each.value, limit));
  }

  #quotient(): Sample[] {
    const value = this.#operand();
    if (!this.#accept('/')) return value;
    const divisor = this.#operand();
    return value.flatMap((each) => {
      const by = divisor.find((other) => isSame(other, each));
      return by === undefined || by.value === 0 ? [] : { ...each, value: each.value / by.value };
    });
  }

  #operand(): Sample[] {
    if (this.#accept('(')) return this.#closed(this.#or());
    const word = this.#tokens.shift() ?? '';
    const combine = AGGREGATIONS[word];
    if (combine !== undefined) {
      const by = this.#accept('by') ? this.#names() : [];
      this.#expect('(');
      return aggregate(this.#closed(this.#or()), by, combine);
    }
    const overWindow = FUNCTIONS[word];
    if (overWindow === undefined) return this.#selected(word, this.window.now);
    this.#expect('(');
    const name = this.#tokens.shift() ?? '';
    const matchers = this.#matchers();
    this.#expect('[');
    this.#tokens.shift();
    this.#expect(']');
    const at = (scrape: readonly Sample[]) => selectedFrom(scrape, name, matchers);
    return this.#closed(overWindow(at(this.window.before), at(this.window.now)));
  }

  #selected(name: string, scrape: readonly Sample[]): Sample[] {
    const matchers = this.#matchers();
    if (!this.#accept('offset')) return selectedFrom(scrape, name, matchers);
    this.#tokens.shift();
    return selectedFrom(this.window.before, name, matchers);
  }

  #matchers(): Matcher[] {
    const matchers: Matcher[] = [];
    if (!this.#accept('{')) return matchers;
    while (!this.#accept('}')) {
      const [label = '', operator = '', quoted = ''] = this.#tokens.splice(0, 3);
      matchers.push({ label, operator, text: quoted.slice(1, -1) });
      this.#accept(',');
    }
    return matchers;
  }

  #names(): string[] {
    const names: string[] = [];
    this.#expect('(');
    while (!this.#accept(')')) {
      names.push(this.#tokens.shift() ?? '');
      this.#accept(',');
    }
    return names;
  }

  #closed(value: Sample[]): Sample[] {
    this.#expect(')');
    return value;
  }

  #accept(token: string): boolean {
    if (this.#tokens[0] !== token) return false;
    this.#tokens.shift();
    return true;
  }

  #expect(token: string): void {
    if (!this.#accept(token)) throw new Error(`not understood: ${this.#tokens.join(' ')} of ${this.text}`);
  }
}

interface Matcher {
  label: string;
  operator: string;
  text: string;
}

const COMPARISONS: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '>': (value, limit) => value > limit,
  '==': (value, limit) => value === limit,
  '!=': (value, limit) => value !== limit,
};

const AGGREGATIONS: Readonly<Record<string, (values: number[]) => number>> = {
  sum: (values) => values.reduce((sum, value) => sum + value, 0),
  max: (values) => Math.max(...values),
  count: (values) => values.length,
};

/** Prometheus needs two values of a series, so that a series without a first value has no increase. */
const increase = (before: Sample[], now: Sample[]) =>
  now.flatMap((each) => {
    const first = before.find((other) => isSame(other, each));
    return first === undefined ? [] : { ...each, value: Math.max(0, each.value - first.value) };
  });

const FUNCTIONS: Readonly<Record<string, (before: Sample[], now: Sample[]) => Sample[]>> = {
  increase,
  rate: increase, // only ratios of two rates occur
  last_over_time: (before, now) => [...now, ...before.filter((each) => !now.some((other) => isSame(other, each)))],
};

function selectedFrom(scrape: readonly Sample[], name: string, matchers: readonly Matcher[]): Sample[] {
  return scrape.filter(
    (each) => each.name === name && matchers.every((matcher) => matches(each.labels[matcher.label] ?? '', matcher)),
  );
}

function matches(value: string, { operator, text }: Matcher): boolean {
  const isEqual = operator.endsWith('~') ? new RegExp(`^(?:${text})$`).test(value) : value === text;
  return operator.startsWith('!') ? !isEqual : isEqual;
}

function isSame(one: Sample, other: Sample, on?: readonly string[]): boolean {
  const names = on ?? [...new Set([...Object.keys(one.labels), ...Object.keys(other.labels)])];
  return names.every((name) => one.labels[name] === other.labels[name]);
}

function aggregate(samples: Sample[], by: readonly string[], combine: (values: number[]) => number): Sample[] {
  const groups = new Map<string, Sample[]>();
  for (const each of samples) {
    const key = JSON.stringify(by.map((name) => each.labels[name] ?? ''));
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].map((group) => ({
    name: '',
    labels: Object.fromEntries(by.map((name) => [name, group[0]?.labels[name] ?? ''])),
    value: combine(group.map(({ value }) => value)),
  }));
}
