import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

// Prints the problems of AsyncAPI documents, as a JSON list for each file. A process of its own: the parser loads 120
// packages, and blocks while it resolves references.
const parser = new Parser();
const results = [];
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await parser.parse(await readFile(path, 'utf8'));
  // severity 2 is information: a newer version of AsyncAPI exists
  const problems = diagnostics
    .filter(({ severity }) => severity < 2)
    .map(({ code, message, path: at }) => `${code}: ${message} (${at.join('/')})`);
  results.push(document === undefined ? [...problems, 'no document'] : problems);
}
process.stdout.write(JSON.stringify(results));
