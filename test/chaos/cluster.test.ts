import { testCluster } from '../support/cluster.js';
import { killNodes } from './scenarios/cluster.js';
import { ROLES_TOGETHER } from './support/chaos-fleet.js';
import { seedOf } from './support/random.js';

describe('a cluster of three RabbitMQ nodes', function () {
  this.timeout(600_000);
  const seed = seedOf(process.env.CHAOS_SEED);

  // `npm run chaos` kills each node
  const node = seed % 3;

  it(`ships every order, charged once, while node ${node} is killed (CHAOS_SEED=${seed})`, async () => {
    const cluster = await testCluster();
    await killNodes({ prefix: 't-cluster-', roles: ROLES_TOGETHER, seed, orders: 4, nodes: [node], cluster });
  });
});
