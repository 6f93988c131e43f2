/** The result of a check. */
export interface Finding {
  /** False if the fleet cannot work. */
  ok: boolean;
  /** The fleet works, but an operator should act. */
  warning?: boolean;
  detail: string;
}
