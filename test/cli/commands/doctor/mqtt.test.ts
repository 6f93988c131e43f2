import { expect } from 'chai';
import fleet from '../../../../config/fleet.js';
import { checkMqtt } from '../../../../src/cli/commands/doctor/check-mqtt.js';
import { contextFor } from '../../../support/command.js';
import { openFleetPlace, type FleetPlace } from '../../../support/fleet-place.js';

describe('flotilla doctor and MQTT', function () {
  this.timeout(60_000);
  let place: FleetPlace;
  before(async () => (place = await openFleetPlace()));
  after(() => place.remove());

  const check = (more: NodeJS.ProcessEnv) => {
    const silent = () => undefined;
    const options = { fleet, env: { ...place.env, ...more }, cwd: place.folder };
    return checkMqtt(contextFor(options, { print: silent, say: silent }));
  };

  it('names the missing plugin and the missing exchange, each with what to do', async () => {
    const [plugin, exchange] = await check({ WITH: 'sensors' });
    expect(plugin).to.deep.equal({
      ok: true,
      warning: true,
      detail:
        'the broker has no MQTT, so that sensor-gateway receives nothing by it: set MQTT_PORT for `up`, or `rabbitmq-plugins enable rabbitmq_mqtt` on a broker of your own; see docs/guides/sensors.md',
    });
    expect(exchange).to.have.property('warning', true);
    expect(exchange?.detail).to.match(/^no exchange \S*telemetry: start sensor-gateway, or `flotilla topology apply`$/);
  });

  it('says nothing for a fleet that receives no messages of devices', async () => {
    expect(await check({})).to.deep.equal([]);
  });
});
