import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { baseCatalogue, catalogue } from 'flotilla';
import { checkManagement } from '../../../../src/cli/commands/doctor/check-management.js';
import * as doctor from '../../../../src/cli/commands/doctor/index.js';
import { defineFleet } from '../../../../src/fleet/define-fleet.js';
import { runCommand } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';
import { manage } from '../../../support/management.js';

const CLOSED = { amqpUrl: 'amqp://guest:hunter2@127.0.0.1:1', managementUrl: 'http://guest:hunter2@127.0.0.1:1' };
const SKIPPED = 'the checks cluster and permissions are skipped';

describe('flotilla doctor and the management API', function () {
  this.timeout(60_000);
  let place: FleetPlace;
  before(async () => (place = await openFleetPlace()));
  after(() => place.remove());

  /** At the default address, unless `isSet`: AMQP_MANAGEMENT_URL names it. */
  const check = (address: Partial<typeof CLOSED>, isSet = false) =>
    checkManagement({ ...CLOSED, ...address, from: 'default' }, { isSet });

  it('names the skipped checks at the default address if no broker runs there', async () => {
    expect(await check({})).to.deep.equal({
      ok: true,
      detail: `none runs here: nothing listens at 127.0.0.1:1; \`up\` starts one; ${SKIPPED}`,
    });
  });

  it('warns at the default address if a broker runs there without a management API', async () => {
    const { detail, ...level } = await check({ amqpUrl: place.amqpUrl });
    expect(level).to.deep.equal({ ok: true, warning: true });
    expect(detail)
      .to.match(/^http:\/\/\S+@127\.0\.0\.1:1 \(default\): .*is the management plugin enabled\?/)
      .and.include(SKIPPED)
      .and.not.include('hunter2');
  });

  it('warns if AMQP_MANAGEMENT_URL is set and nothing listens there', async () => {
    expect(await check({}, true)).to.have.property('warning', true);
  });

  it('warns at the default address of a wrong password and of another program', async () => {
    const wrong = Object.assign(new URL(place.managementUrl), { password: 'hunter2' }).toString();
    const refused = await check({ managementUrl: wrong });
    expect(refused).to.have.property('warning', true);
    expect(refused.detail).to.include('user "guest" is refused (401)').and.include(SKIPPED).and.not.include('hunter2');

    const other = createServer((_, response) => response.end('<html></html>')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const managementUrl = `http://127.0.0.1:${String((other.address() as AddressInfo).port)}`;
    const foreign = await check({ managementUrl });
    other.close();
    expect(foreign).to.have.property('warning', true);
    expect(foreign.detail).to.include("not RabbitMQ's management API").and.include(SKIPPED);
  });

  it('warns if the user of the management API may not read the queues of the virtual host', async () => {
    const user = `${place.prefix}monitor`;
    await manage(place.managementUrl, 'PUT', `users/${user}`, { password: 'secret', tags: 'monitoring' });
    const hidden = `${place.prefix}vhost`;
    await manage(place.managementUrl, 'PUT', `vhosts/${hidden}`);
    try {
      const { out } = await runCommand(
        {
          modules: [doctor],
          fleet: defineFleet({ catalogue: catalogue(baseCatalogue, {}), workers: [] }),
          env: {
            ...place.env,
            AMQP_URL: `${place.amqpUrl.replace(/\/$/, '')}/${hidden}`,
            AMQP_MANAGEMENT_URL: Object.assign(new URL(place.managementUrl), {
              username: user,
              password: 'secret',
            }).toString(),
          },
          cwd: place.folder,
        },
        ['doctor'],
      );
      expect(out).to.match(/^ok {3}management /m);
      expect(out).to.match(/^WARN cluster +not checked: .*GET \/queues\/t-.*user .*\(401\)/m);
    } finally {
      await manage(place.managementUrl, 'DELETE', `users/${user}`);
      await manage(place.managementUrl, 'DELETE', `vhosts/${hidden}`);
    }
  });
});
