import { type Application, ApplicationStore } from '../../client/applications/application-store.ts';
import type { FileSystem } from '../../client/fs/file-system.ts';
import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { pause } from '../pause.ts';
import { ApplicationProcess } from './application-process.ts';

const SCAN_MS = 500;
/** An application that fails again and again is started less and less often. */
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
const STABLE_MS = 60_000;

interface Running {
  readonly process: ApplicationProcess;
  readonly startedMs: number;
}

/** Keeps every application of the cluster running that has not finished: from its definition, on this machine, one process each. */
export class ApplicationSupervisor {
  readonly #store: ApplicationStore;
  readonly #where: { directory: string; cluster: string };
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #running = new Map<string, Running>();
  /** Not before this time, and how long to wait after the next failure. */
  readonly #backOff = new Map<string, { atMs: number; waitMs: number }>();
  readonly #known = new Set<string>();

  constructor(fs: FileSystem, where: { directory: string; cluster: string }, logger: Logger) {
    this.#store = new ApplicationStore(fs);
    this.#where = where;
    this.#logger = logger;
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        for (const application of await this.#store.list()) await this.#attend(application);
      } catch (thrown) {
        // The file system is away for a while; what runs goes on.
        this.#logger.warn({ err: QuarryError.from(thrown) }, 'applications.scan-failed');
      }
      await pause(SCAN_MS, signal);
    }
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#running.values()].map(({ process }) => process.stop()));
  }

  async #attend(application: Application): Promise<void> {
    const { id, state } = application;
    const running = this.#running.get(id);
    if (!this.#known.has(id)) {
      this.#known.add(id);
      ApplicationProcess.endLeftover(this.#where.directory, id);
    }
    if (state === 'stopping') {
      await running?.process.stop();
      await this.#store.put({ ...application, state: 'stopped', note: 'stopped by its user' });
      return;
    }
    if (state === 'finished' || state === 'stopped' || running !== undefined) return;
    if (performance.now() < (this.#backOff.get(id)?.atMs ?? 0)) return;
    await this.#start(application);
  }

  async #start(application: Application): Promise<void> {
    const source = await this.#store.source(application);
    if (this.#stopped.signal.aborted) return;
    const started = { ...application, state: 'running' as const, attempts: application.attempts + 1 };
    await this.#store.put(started);
    const process = ApplicationProcess.start(started, source, this.#where);
    const startedMs = performance.now();
    this.#running.set(application.id, { process, startedMs });
    this.#logger.info(
      { id: application.id, name: application.name, attempt: started.attempts },
      'application.started',
    );
    void process.ended.then(({ code, signal }) =>
      this.#ended(started, signal ?? `exit code ${code}`, startedMs),
    );
  }

  async #ended(application: Application, how: string, startedMs: number): Promise<void> {
    const { id } = application;
    this.#running.delete(id);
    this.#logger.info({ id, how }, 'application.ended');
    const wasStable = performance.now() - startedMs > STABLE_MS;
    const waitMs = wasStable ? RESTART_MS_MIN : (this.#backOff.get(id)?.waitMs ?? RESTART_MS_MIN);
    this.#backOff.set(id, {
      atMs: performance.now() + waitMs,
      waitMs: Math.min(waitMs * 2, RESTART_MS_MAX),
    });
    if (this.#stopped.signal.aborted) return;
    const state = how === 'exit code 0' ? ('finished' as const) : ('waiting' as const);
    try {
      const now = await this.#store.get(id);
      if (now.state === 'running') await this.#store.put({ ...now, state, note: how });
    } catch (thrown) {
      // Told again by the next end of it; one that finished would be started once more and find nothing to do.
      this.#logger.warn({ err: QuarryError.from(thrown), id }, 'application.state-not-written');
    }
  }
}
