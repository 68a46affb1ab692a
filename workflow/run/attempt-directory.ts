import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Action, CallbackName, Waiting } from '../core/dag-model.ts';
import type { ProcessIdentity } from '../core/records.ts';
import type { Outcome } from '../core/task-transitions.ts';
import type { TemplateScope } from '../template/template.ts';

/** What an attempt's process is told. */
export interface AttemptInput {
  /** Unique over all attempts of this store. */
  readonly token: string;
  readonly dagId: string;
  readonly dagFile: string;
  readonly runId: string;
  /** '' for a callback of the run. */
  readonly taskId: string;
  readonly callback: CallbackName | undefined;
  readonly action: Action;
  readonly waiting: Waiting | undefined;
  readonly scope: TemplateScope;
  readonly smtpUrl: string;
  /** The service's own API; '' without a service. */
  readonly workflowUrl: string;
  /** The cluster's directory; '' without one. */
  readonly cluster: string;
  readonly logicalMs: number;
  readonly intervalEndMs: number;
}

/**
 * The files of one attempt. `claim` is made by linking, so exactly one process has it: the attempt's own, or a scheduler that found
 * no attempt and forbids it to begin. `result.json` is there whole and synced, or not at all.
 */
export class AttemptDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get logFile(): string {
    return join(this.path, 'log.txt');
  }

  create(input: AttemptInput): void {
    mkdirSync(this.path, { recursive: true });
    // It may hold a password of SMTP or a webhook's address.
    writeFileSync(join(this.path, 'input.json'), JSON.stringify(input), { mode: 0o600 });
  }

  input(): AttemptInput {
    return JSON.parse(readFileSync(join(this.path, 'input.json'), 'utf8')) as AttemptInput;
  }

  exists(): boolean {
    return existsSync(this.path);
  }

  /** False when somebody else has it. */
  claim(by: ProcessIdentity): boolean {
    mkdirSync(this.path, { recursive: true });
    const own = join(this.path, `claim.${by.pid}.${by.startTicks}`);
    writeFileSync(own, JSON.stringify(by));
    try {
      linkSync(own, join(this.path, 'claim'));
      return true;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw thrown;
    } finally {
      rmSync(own, { force: true });
    }
  }

  claimant(): ProcessIdentity | undefined {
    const path = join(this.path, 'claim');
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity) : undefined;
  }

  writeResult(outcome: Outcome): void {
    const temporary = join(this.path, 'result.tmp');
    const file = openSync(temporary, 'w');
    try {
      writeSync(file, JSON.stringify(outcome));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, join(this.path, 'result.json'));
    const directory = openSync(this.path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }

  /** Undefined when the attempt has not come to one. */
  result(): Outcome | undefined {
    const path = join(this.path, 'result.json');
    if (!existsSync(path)) return undefined;
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as Outcome;
    } catch (cause) {
      const error = new QuarryError('TASK_FAILED', `the result in ${path} cannot be read`, { cause });
      return { kind: 'failed', error: error.toWire(), isFinal: false };
    }
  }
}
