import { testCluster } from '../support/cluster.js';
import { killEachNode } from './scenarios/cluster.js';
import { seedOf } from './support/random.js';

describe('a cluster of three RabbitMQ nodes', function () {
  this.timeout(600_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  it(`ships every order, charged once, while each node is killed in turn (CHAOS_SEED=${seed})`, async () => {
    await killEachNode({ prefix: 't-cluster-', seed, orders: 12, cluster: await testCluster() });
  });
});
