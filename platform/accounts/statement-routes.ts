import { cursor, cursorOf, defineRoute, invalidRequest, ProblemError, type Route } from 'flotilla/http';
import { z } from 'zod';
import { nextCursor } from '../fields.js';
import statements from '../read-models/statements.js';
import { accountNotFound } from './problems.js';

const MAX_PAGE = 500;

const statementCursor = cursor('statement', z.strictObject({ account: z.string(), after: z.int().min(0) }));

const statementLine = z
  .object({
    line: z.int().describe('From 1, without gaps'),
    time: z.iso.datetime(),
    kind: z.enum(['opening', 'deposit', 'withdrawal']),
    change: z.int().describe('What the balance changes by, in minor units'),
    balance: z.int().describe('After the change'),
  })
  .meta({ id: 'StatementLine', description: 'A line of the statement of an account' });

const statementPage = z
  .object({ items: z.array(statementLine), nextCursor })
  .meta({ id: 'StatementPage', description: 'A page of the statement of an account' });

type StatementLine = z.infer<typeof statementLine>;

export const statementRoutes: Route[] = [
  defineRoute({
    method: 'get',
    path: '/accounts/:id/statement',
    operationId: 'getAccountStatement',
    tag: 'Accounts',
    summary: 'Read the statement of an account',
    description: 'Oldest line first. Changes of the account may take a moment to show.',
    query: z.object({
      cursor: statementCursor.optional(),
      limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
    }),
    responses: { 200: statementPage },
    reads: [statements],
    problems: [accountNotFound],
    handler: async ({ params: { id }, query: { cursor: from, limit }, store }) => {
      if (from !== undefined && from.account !== id) {
        throw invalidRequest([{ in: 'query', path: 'cursor', message: 'no cursor of this list' }]);
      }
      const rows = await store.query<StatementLine>`
        select line, time, kind, change, balance from statement_lines
        where account_id = ${id} and line > ${from?.after ?? 0} order by line limit ${limit + 1}`;
      if (rows.length === 0 && from === undefined) throw new ProblemError(accountNotFound);
      const items = rows.slice(0, limit).map(({ time, kind, ...row }) => {
        const [line, change, balance] = [Number(row.line), Number(row.change), Number(row.balance)];
        return { line, time, kind, change, balance };
      });
      const last = items.at(-1);
      const isLast = rows.length <= limit || last === undefined;
      return {
        status: 200,
        body: { items, nextCursor: isLast ? null : cursorOf(statementCursor, { account: id, after: last.line }) },
      };
    },
  }),
];
