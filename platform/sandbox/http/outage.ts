import { Router, json } from 'express';
import { z } from 'zod';
import type { SandboxDatabase } from '../database.js';
import { Problem, parse } from './problem.js';

const outageBody = z.object({ down: z.boolean() });

/** A switch that simulates an outage of a service of the sandbox; stored on disk. */
export function createOutage(db: SandboxDatabase, service: string) {
  const read = db.prepare<[string], { down: number }>('SELECT down FROM outages WHERE service = ?');
  const write = db.prepare<[string, number]>(
    'INSERT INTO outages (service, down) VALUES (?, ?) ON CONFLICT (service) DO UPDATE SET down = excluded.down',
  );
  const isDown = () => read.get(service)?.down === 1;
  const routes = Router();
  routes.get('/outage', (_req, res) => {
    res.json({ down: isDown() });
  });
  routes.put('/outage', json(), (req, res) => {
    const { down } = parse(outageBody, req.body);
    write.run(service, down ? 1 : 0);
    res.json({ down });
  });
  return {
    routes,
    /** Throws a 503 while the service is down. */
    refuseWhileDown(): void {
      if (isDown()) throw new Problem(503, 'unavailable', `The ${service} is down`);
    },
  };
}
