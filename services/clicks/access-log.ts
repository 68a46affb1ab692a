import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  truncateSync,
} from 'node:fs';

export interface AccessLogOptions {
  /** How logrotate would: `rename` starts a new file, `copytruncate` copies and empties the one that is written. */
  readonly rotation: 'none' | 'rename' | 'copytruncate';
  /** Lines in a file before it is rotated. */
  readonly rotateLines: number;
}

/** Writes lines as a web server does: appends, and is rotated; `FILE.1` is the newest of the rotated ones. */
export class AccessLog {
  readonly #file: string;
  readonly #options: AccessLogOptions;
  #lines = 0;
  #rotated = 0;

  constructor(file: string, options: AccessLogOptions) {
    this.#file = file;
    this.#options = options;
    while (existsSync(`${file}.${this.#rotated + 1}`)) this.#rotated++;
  }

  write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    appendFileSync(this.#file, `${lines.join('\n')}\n`);
    this.#lines += lines.length;
    if (this.#options.rotation !== 'none' && this.#lines >= this.#options.rotateLines) this.rotate();
  }

  rotate(): void {
    for (let n = this.#rotated; n >= 1; n--) renameSync(`${this.#file}.${n}`, `${this.#file}.${n + 1}`);
    if (this.#options.rotation === 'copytruncate') {
      copyFileSync(this.#file, `${this.#file}.1`);
      truncateSync(this.#file);
    } else {
      renameSync(this.#file, `${this.#file}.1`);
    }
    this.#rotated++;
    this.#lines = 0;
  }

  sync(): void {
    if (!existsSync(this.#file)) return;
    const fd = openSync(this.#file, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
