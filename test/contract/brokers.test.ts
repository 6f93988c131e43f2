import { brokerContract } from './broker.js';
import { brokers } from './open-brokers.js';
import { streamContract } from './streams.js';

for (const [name, open] of Object.entries(brokers)) {
  brokerContract(name, open);
  streamContract(name, open);
}
