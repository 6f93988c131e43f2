import { brokerContract } from '../contract/broker.js';
import { brokers } from '../contract/open-brokers.js';
import { streamContract } from '../contract/streams.js';

for (const [name, open] of Object.entries(brokers)) {
  brokerContract(name, open);
  streamContract(name, open);
}
