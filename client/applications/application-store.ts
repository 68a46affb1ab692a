import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { FileSystem } from '../fs/file-system.ts';

/** A program that the cluster keeps running: what `quarry submit --supervise` leaves in it. */
export interface Application {
  readonly id: string;
  /** The job's file name. */
  readonly name: string;
  readonly args: readonly string[];
  /** Of the job's process, besides what every job is given. */
  readonly environment: Readonly<Record<string, string>>;
  readonly submittedMs: number;
  /** `stopping` is what a user asks for; the rest is what the supervisor has seen. */
  readonly state: ApplicationState;
  readonly attempts: number;
  /** The last end of it, for people. */
  readonly note: string;
}

/** waiting and running ones are started again when they end with an error; finished ended with exit code 0. */
export type ApplicationState = 'waiting' | 'running' | 'finished' | 'stopping' | 'stopped';

const FOLDER = '/system/applications';

/** Definitions of applications in the cluster's own file system. */
export class ApplicationStore {
  readonly #fs: FileSystem;

  constructor(fs: FileSystem) {
    this.#fs = fs;
  }

  /** `source`: the job's file as text; a job is one file. */
  async add(
    job: { file: string; source: string; args: readonly string[]; environment: Record<string, string> },
    nowMs: number,
  ): Promise<Application> {
    const application: Application = {
      id: `app-${randomUUID().slice(0, 8)}`,
      name: basename(job.file),
      args: job.args,
      environment: job.environment,
      submittedMs: nowMs,
      state: 'waiting',
      attempts: 0,
      note: '',
    };
    await this.#fs.writeFile(this.#sourcePath(application), job.source);
    await this.put(application);
    return application;
  }

  async put(application: Application): Promise<void> {
    // Written aside: whoever reads finds a whole definition.
    const aside = `${FOLDER}/${application.id}/_${randomUUID()}`;
    await this.#fs.writeFile(aside, JSON.stringify(application));
    await this.#fs.rename(aside, this.#path(application.id), { overwrite: true });
  }

  /** Errors: FILE_NOT_FOUND naming the id. */
  async get(id: string): Promise<Application> {
    try {
      return JSON.parse((await this.#fs.readFile(this.#path(id))).toString()) as Application;
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_NOT_FOUND')) throw thrown;
      throw new QuarryError('FILE_NOT_FOUND', `no supervised application ${id}`, { cause: thrown });
    }
  }

  async list(): Promise<Application[]> {
    const found = await this.#fs.glob(`${FOLDER}/*/definition.json`);
    const texts = await Promise.all(found.map(({ path }) => this.#fs.readFile(path)));
    return texts.map((text) => JSON.parse(text.toString()) as Application);
  }

  async source(application: Application): Promise<Buffer> {
    return this.#fs.readFile(this.#sourcePath(application));
  }

  #path(id: string): string {
    return `${FOLDER}/${id}/definition.json`;
  }

  #sourcePath({ id, name }: Application): string {
    return `${FOLDER}/${id}/${name}`;
  }
}
