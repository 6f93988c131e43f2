export { default } from '#platform/read-models/views.js';
