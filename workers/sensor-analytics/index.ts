export { default } from '#platform/sensors/sensor-analytics.js';
