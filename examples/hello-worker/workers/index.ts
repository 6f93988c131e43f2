export { default as greeter } from './greeter/index.ts';
