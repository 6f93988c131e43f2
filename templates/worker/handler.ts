    '{{pattern}}': (event, ctx) => {
      ctx.write(async ({ sql }) => {
        await sql`insert into {{table}}_seen (event_id, time) values (${event.id}, ${event.time})`;
      });
    },
