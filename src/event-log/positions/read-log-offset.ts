import { TableScan } from '../../store/sqlite/read/table-scan.js';

/** Returns the offset up to which a consumer has processed the log, from the file of its store; undefined for a new
 *  consumer. Reads beside the processes that use the store. */
export function readLogOffset(path: string, reader: string): number | undefined {
  const scan = new TableScan(path);
  try {
    if (!scan.has('flotilla_log_checkpoints')) return undefined;
    const [offset] = scan.row('SELECT log_offset FROM flotilla_log_checkpoints WHERE reader = ?', reader) ?? [];
    return offset === undefined ? undefined : Number(offset);
  } finally {
    scan.close();
  }
}
