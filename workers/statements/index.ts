export { default } from '#platform/read-models/statements.js';
