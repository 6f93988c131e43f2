import { defineWorker } from '../../platform/catalogue.ts';

/** Greets each visitor once, however often the event is delivered. */
export default defineWorker({
  name: 'greeter',
  emits: ['visitor.greeted'],
  on: {
    'visitor.arrived': ({ data }, ctx) => {
      ctx.emit('visitor.greeted', { greeting: `Hello, ${data.name}!` });
    },
  },
});
