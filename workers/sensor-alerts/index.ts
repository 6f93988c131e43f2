export { default } from '#platform/sensors/sensor-alerts.js';
