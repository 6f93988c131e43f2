/** What an examination has found. */
export interface Finding {
  /** False: the fleet cannot work so. */
  ok: boolean;
  /** The fleet works, and something should be done about it. */
  warning?: boolean;
  detail: string;
}
