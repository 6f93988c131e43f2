import { defineWorker } from '{{catalogue}}';

/** Stores each event once: the row is committed in the transaction that marks the event as handled. */
export default defineWorker({
  name: '{{name}}',
  migrations: [
    {
      name: '{{table}}',
      sql: `create table {{table}}_seen (event_id text primary key, time text not null);`,
    },
  ],
  on: {
{{handlers}}  },
});
