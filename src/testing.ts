export { spec, type Expected, type Given, type Spec } from './aggregates/spec.js';
export { harness, type HarnessOptions, type HarnessResult, type Scenario, type TestEvent } from './worker/harness.js';
export { createMemoryBroker } from './broker/memory/index.js';
