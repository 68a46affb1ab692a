import type { WriteKey } from '../table-store.ts';
import { markerId, markerNumbers, type WriteMarker } from '../write-marker.ts';
import { id, type MysqlTable, markersOf } from './mysql-names.ts';
import type { MysqlSession } from './mysql-session.ts';

/** Read before anything else, and created when it is missing: someone with rights may have made it for users without. */
const DEFINITION = `(
  id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  write_key TEXT CHARACTER SET utf8mb4 NOT NULL,
  target VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  attempt CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch BIGINT NOT NULL,
  batch_id BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  staging VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  committed_at DATETIME(6) NOT NULL,
  KEY staging (staging)
) ENGINE=InnoDB`;

/** A table that is filled and committed, and still has to take the target's name. */
export interface PendingRename {
  readonly id: string;
  readonly target: string;
  readonly staging: string;
}

type Lock = '' | 'FOR UPDATE' | 'LOCK IN SHARE MODE';

/** The rows of `quarry_writes` in the schema of one table. */
export class MysqlMarkers {
  readonly #session: MysqlSession;
  readonly #target: MysqlTable;

  constructor(session: MysqlSession, target: MysqlTable) {
    this.#session = session;
    this.#target = target;
  }

  /** The marker of a key; with `FOR UPDATE` it stays as it is until the transaction ends. */
  async find(key: WriteKey, lock: Lock): Promise<WriteMarker | undefined> {
    const sql = `SELECT attempt, epoch, batch_id, row_count FROM ${this.#table} WHERE id = ? ${lock}`;
    const [row] = (await this.#session.rowsIfTable(sql, [markerId(key, this.#target.table)])) ?? [];
    if (row === undefined) return undefined;
    return {
      attempt: String(row['attempt']),
      epoch: Number(row['epoch']),
      batchId: Number(row['batch_id']),
      rowCount: Number(row['row_count']),
    };
  }

  async create(): Promise<void> {
    const existing = await this.#session.rowsIfTable(`SELECT 1 FROM ${this.#table} LIMIT 0`, []);
    if (existing === undefined)
      await this.#session.run(`CREATE TABLE IF NOT EXISTS ${this.#table} ${DEFINITION}`);
  }

  async put(
    key: WriteKey,
    written: { readonly attempt: string; readonly rowCount: number; readonly staging: string | null },
  ): Promise<void> {
    const { epoch, batchId } = markerNumbers(key);
    await this.#session.run(
      `REPLACE INTO ${this.#table} (id, write_key, target, attempt, epoch, batch_id, row_count, staging, committed_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6))`,
      [
        markerId(key, this.#target.table),
        JSON.stringify(key),
        this.#target.table,
        written.attempt,
        epoch,
        batchId,
        written.rowCount,
        written.staging,
      ],
    );
  }

  /** A batch was skipped for a newer start of its query: older ones are shut out from now on. */
  async raiseEpoch(key: WriteKey, marker: WriteMarker): Promise<void> {
    const { epoch } = markerNumbers(key);
    if (key.kind === 'run' || epoch <= marker.epoch) return;
    await this.#session.run(`UPDATE ${this.#table} SET epoch = ? WHERE id = ? AND epoch < ?`, [
      epoch,
      markerId(key, this.#target.table),
      epoch,
    ]);
  }

  async pending(): Promise<PendingRename[]> {
    const sql = `SELECT id, target, staging FROM ${this.#table} WHERE staging IS NOT NULL`;
    const rows = (await this.#session.rowsIfTable(sql, [])) ?? [];
    return rows.map((row) => ({
      id: String(row['id']),
      target: String(row['target']),
      staging: String(row['staging']),
    }));
  }

  async renamed({ id: marker, staging }: PendingRename): Promise<void> {
    const sql = `UPDATE ${this.#table} SET ${id('staging')} = NULL WHERE id = ? AND staging = ?`;
    await this.#session.run(sql, [marker, staging]);
  }

  get #table(): string {
    return markersOf(this.#target);
  }
}
