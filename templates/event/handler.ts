'{{type}}': (event, ctx) => void ctx.log.info(`${event.type} of ${event.subject}`)
