import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { QuarryError } from '../../common/quarry-error.ts';
import type { StreamingForeachFunction } from '../../proto/gen/spark/connect/StreamingForeachFunction.ts';
import { unsupported } from '../plan/errors.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { Session } from '../session/session.ts';
import { foreachFailure, type ForeachKind, withRemoteRelation } from './foreach-batch.ts';
import { FrameReader, int32, int64, text } from './python-frames.ts';

/** Module of PySpark's own wheel that runs a pickled foreachBatch function. */
const WORKER = 'pyspark.sql.connect.streaming.worker.foreach_batch_worker';
/**
 * The same worker for `foreach`, whose function takes a partition's number and its rows: each batch is one partition here. An
 * object's `open` asks the task's context for the batch.
 */
const ROW_WORKER = `
import runpy
from pyspark import worker
from pyspark.taskcontext import TaskContext

read = worker.read_command

def read_foreach(serializer, infile):
    function = read(serializer, infile)[0]
    def process(batch, batch_id):
        context = TaskContext._getOrCreate()
        context._partitionId = 0
        context._localProperties = {"streaming.sql.batchId": str(batch_id)}
        for _ in function(0, batch.toLocalIterator()):
            pass
    return process

worker.read_command = read_foreach
runpy.run_module("${WORKER}", run_name="__main__")
`;
/** Importing PySpark with pandas takes seconds on a cold machine. */
const CONNECT_TIMEOUT_MS = 60_000;
const STDERR_LENGTH_MAX = 4_000;
/** What the worker sends in place of a result, before a traceback. */
const EXCEPTION_THROWN = -2;

/**
 * Spark's own worker process for a Python foreachBatch or foreach function. It connects to a socket of ours, proves itself with a secret, gets
 * the function, and for each batch a relation id and a batch id; it reads the batch's rows over Spark Connect, in the user's session.
 */
export class PythonForeach {
  readonly #session: Session;
  readonly #process: ChildProcess;
  readonly #server: Server;
  readonly #kind: ForeachKind;
  #socket: Socket | undefined;
  #reader: FrameReader | undefined;
  #stderr = '';

  private constructor(session: Session, process: ChildProcess, server: Server, kind: ForeachKind) {
    this.#session = session;
    this.#kind = kind;
    this.#process = process;
    this.#server = server;
    process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = `${this.#stderr}${chunk.toString()}`.slice(-STDERR_LENGTH_MAX);
    });
  }

  /** Errors: UNSUPPORTED (no Python function), USER_CODE (the function cannot be read, no Python, another version of it). */
  static async start(
    { pythonFunction }: StreamingForeachFunction,
    session: Session,
    connectAddress: string,
    kind: ForeachKind,
  ): Promise<PythonForeach> {
    if (pythonFunction == null) throw unsupported(`A ${kind} function that is not in Python`);
    const secret = randomBytes(32).toString('hex');
    const server = createServer();
    const port = await listening(server);
    const python =
      session.settings.find('spark.pyspark.python') ?? process.env['PYSPARK_PYTHON'] ?? 'python3';
    const child = spawn(python, kind === 'foreach' ? ['-c', ROW_WORKER] : ['-m', WORKER], {
      env: workerEnvironment(session, connectAddress, port, secret),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const worker = new PythonForeach(session, child, server, kind);
    try {
      await worker.#connect(python, secret);
      worker.#send(text(pythonFunction.pythonVer), text(session.sessionId));
      worker.#send(int32(pythonFunction.command.length), Buffer.from(pythonFunction.command));
      await worker.#answer();
      return worker;
    } catch (thrown) {
      worker.close();
      throw thrown;
    }
  }

  /** Errors: USER_CODE with the function's traceback. */
  readonly foreachBatch = (batch: LogicalPlan, batchId: number): Promise<void> =>
    withRemoteRelation(this.#session, batch, async (relationId) => {
      this.#send(text(relationId), int64(batchId));
      await this.#answer();
    });

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
    this.#process.kill('SIGKILL');
  }

  async #connect(python: string, secret: string): Promise<void> {
    const socket = await this.#connection(python);
    this.#socket = socket;
    this.#reader = new FrameReader(socket);
    // One worker has one connection.
    this.#server.close();
    if ((await this.#reader.text()) !== secret) throw workerFailure(python, 'gave a wrong secret', '');
    this.#send(text('ok'));
    // Its process id, which is known here.
    await this.#reader.int32();
  }

  #connection(python: string): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        reject(workerFailure(python, why, this.#stderr));
      };
      const timer = setTimeout(
        () => fail(`did not answer within ${CONNECT_TIMEOUT_MS / 1_000} s`),
        CONNECT_TIMEOUT_MS,
      );
      this.#process.once('error', (error) => fail(error.message));
      this.#process.once('close', (code) => fail(`ended with ${code}`));
      this.#server.once('connection', (socket) => {
        clearTimeout(timer);
        resolve(socket);
      });
    });
  }

  #send(...parts: readonly Buffer[]): void {
    this.#socket?.write(Buffer.concat(parts));
  }

  async #answer(): Promise<void> {
    try {
      const result = await this.#reader!.int32();
      if (result === EXCEPTION_THROWN) throw foreachFailure(await this.#reader!.text(), this.#kind);
    } catch (thrown) {
      if (thrown instanceof QuarryError) throw thrown;
      throw workerFailure('python', 'went away', this.#stderr);
    }
  }
}

function workerFailure(python: string, why: string, stderr: string): QuarryError {
  const said = stderr.trim() === '' ? '' : `\n${stderr.trim()}`;
  return new QuarryError(
    'USER_CODE',
    `the Python worker of foreachBatch (${python}) ${why}: spark.pyspark.python or PYSPARK_PYTHON must name a Python with the client's own version of pyspark${said}`,
  );
}

function workerEnvironment(
  session: Session,
  connectAddress: string,
  port: number,
  secret: string,
): NodeJS.ProcessEnv {
  const { SPARK_REMOTE: _, SPARK_USER: __, USER: ___, ...inherited } = process.env;
  const user = session.userId === '' ? '' : `user_id=${encodeURIComponent(session.userId)}`;
  return {
    ...inherited,
    PYTHON_WORKER_FACTORY_PORT: String(port),
    PYTHON_WORKER_FACTORY_SECRET: secret,
    // The worker puts `;session_id=...` behind it.
    SPARK_CONNECT_LOCAL_URL: `sc://${connectAddress}/${user === '' ? '' : `;${user}`}`,
    PYTHONUNBUFFERED: 'YES',
    PYTHONWARNINGS: 'ignore',
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
