/** The paths that every API has besides its routes and documents. */
export const OWN_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
