import type { ChaosFleet } from './chaos-fleet.js';
import { eventually } from '../../support/eventually.js';

/** Takes a service of the sandbox down or up; retries while the sandbox itself is down. */
export async function setOutage(
  { sandboxUrl }: Pick<ChaosFleet, 'sandboxUrl'>,
  service: 'gateway' | 'carrier',
  down: boolean,
): Promise<void> {
  await eventually(`the ${service} is ${down ? 'down' : 'back'}`, async () => {
    const response = await fetch(`${sandboxUrl}/${service}/outage`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ down }),
    });
    return response.ok;
  });
}
