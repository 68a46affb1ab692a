import { crc32c } from '../common/checksum.ts';
import { QuarryError } from '../common/quarry-error.ts';
import type { Caller } from '../proto/gen/quarry/Caller.ts';
import type { SafeModeRequest } from '../proto/gen/quarry/SafeModeRequest.ts';
import { blockReport, incrementalReport } from './blocks/reports.ts';
import { judgeSafeMode, supervise } from './blocks/supervision.ts';
import type { Command, CommandKind, Outcome, ReplyOf, RequestOf } from './commands.ts';
import { setOwner, setPermission, setReplication, setTimes } from './files/attribute-commands.ts';
import { callIdOf, userOf } from './files/callers.ts';
import { commitBlockSync, recoverLease } from './files/lease-recovery.ts';
import { create, createReply, mkdirs, publish, remove, rename } from './files/namespace-commands.ts';
import {
  getAdditionalDatanode,
  reportBadBlocks,
  updateBlockForPipeline,
  updatePipeline,
} from './files/pipeline-commands.ts';
import { reap } from './files/remove.ts';
import { abandonBlock, addBlock, complete, fsync, renewLease } from './files/write-commands.ts';
import { checkSuperuser } from './namespace/permissions.ts';
import { type Time, Transaction } from './namespace/transaction.ts';
import { heartbeat, register } from './nodes/registration.ts';
import type { State } from './state.ts';

type Handler<K extends CommandKind> = (state: State, tx: Transaction, request: RequestOf<K>) => ReplyOf<K>;

/** A mutation whose retry is answered from the cache: `execute` answers a number, `reply` makes the answer of it, now or later. */
interface Remembered<K extends CommandKind> {
  readonly execute: (state: State, tx: Transaction, request: RequestOf<K>) => number;
  readonly reply: (tx: Transaction, result: number) => ReplyOf<K>;
}

const yes = (_: Transaction, result: number) => ({ value: result > 0 });

const REMEMBERED: { [K in CommandKind]?: Remembered<K> } = {
  mkdirs: { execute: mkdirs, reply: yes },
  create: { execute: create, reply: createReply },
  rename: { execute: rename, reply: yes },
  delete: { execute: remove, reply: yes },
  publish: { execute: publish, reply: (_, moved) => ({ moved }) },
  setReplication: { execute: setReplication, reply: yes },
  setPermission: { execute: setPermission, reply: yes },
  setOwner: { execute: setOwner, reply: yes },
  setTimes: { execute: setTimes, reply: yes },
};

/** Commands that are harmless to repeat: the state itself tells a retry from a new call. */
const REPEATABLE: { [K in CommandKind]?: Handler<K> } = {
  addBlock,
  abandonBlock,
  complete,
  fsync,
  renewLease,
  recoverLease,
  updateBlockForPipeline,
  updatePipeline,
  getAdditionalDatanode,
  reportBadBlocks,
  setSafeMode,
  commitBlockSync,
  register: (state, tx, request) => judged(state, tx, register(state, tx, request)),
  heartbeat,
  blockReport: (state, tx, request) => judged(state, tx, blockReport(state, tx, request)),
  incrementalReport,
  reap: (state, tx, { inodeId, names }) => ({ more: reap(state, tx, inodeId, names) }),
  tick: (state, tx) => {
    supervise(state, tx);
    return {};
  },
};

/** What may happen while it is not known whether the blocks are there. */
const ALLOWED_IN_SAFE_MODE: ReadonlySet<CommandKind> = new Set<CommandKind>([
  'renewLease',
  'reportBadBlocks',
  'setSafeMode',
  'register',
  'heartbeat',
  'blockReport',
  'incrementalReport',
  'tick',
]);

/**
 * The core: one command in, its reply, edits and orders out, at once and without I/O but for reads of what is on disk. Commands
 * are executed one after another, each on the state that all before it left, durable or not; the shell around it lets no
 * answer go before what it rests on is durable.
 */
export class Namenode {
  readonly state: State;

  constructor(state: State) {
    this.state = state;
  }

  apply<K extends CommandKind>(command: Command<K>, time: Time): Outcome<ReplyOf<K>> {
    const { state } = this;
    const tx = new Transaction(state.view.pending, time);
    let reply: ReplyOf<K> | undefined;
    let error: QuarryError | undefined;
    try {
      this.#checkSafeMode(command.kind);
      reply = this.#execute(command, tx);
    } catch (thrown) {
      // Anything else is a bug: whoever asked learns of it, and no half of the command is kept.
      if (!(thrown instanceof QuarryError)) throw thrown;
      error = thrown;
    }
    let edits = 0;
    if (error === undefined || tx.isKept) {
      state.view.merge(tx.finish());
      edits = tx.size;
    }
    const wake = state.wake.size > 0 ? [...state.wake] : [];
    state.wake.clear();
    return { reply, error, edits, orders: state.orders.drainIssued(), wake };
  }

  #execute<K extends CommandKind>(command: Command<K>, tx: Transaction): ReplyOf<K> {
    const remembered = REMEMBERED[command.kind] as Remembered<K> | undefined;
    if (remembered === undefined) {
      const handler = REPEATABLE[command.kind] as Handler<K>;
      return handler(this.state, tx, command.request);
    }
    const { caller, ...argument } = command.request as { caller: Caller | null };
    const call = callIdOf(caller);
    const argumentHash = call === undefined ? 0 : crc32c(Buffer.from(JSON.stringify(argument)));
    const before = call && this.state.retries.lookup(tx, call, command.kind, argumentHash);
    if (before !== undefined) return remembered.reply(tx, before.result);
    const result = remembered.execute(this.state, tx, command.request);
    if (call !== undefined && tx.size > 0) {
      this.state.retries.store(tx, call, { op: command.kind, argumentHash, result });
    }
    return remembered.reply(tx, result);
  }

  #checkSafeMode(kind: CommandKind): void {
    const { safeMode } = this.state;
    if (!safeMode.on || ALLOWED_IN_SAFE_MODE.has(kind)) return;
    throw new QuarryError(
      'SAFE_MODE',
      `the namenode is in safe mode and takes no changes: ${safeMode.reason}`,
    );
  }
}

function judged<R>(state: State, tx: Transaction, reply: R): R {
  judgeSafeMode(state, tx.time.monoMs);
  return reply;
}

function setSafeMode(state: State, tx: Transaction, request: SafeModeRequest): ReplyOf<'setSafeMode'> {
  const user = userOf(state, request.caller);
  switch (request.action) {
    case 'enter':
      checkSuperuser(user, 'turn safe mode on');
      state.safeMode.enter();
      break;
    case 'leave':
      checkSuperuser(user, 'turn safe mode off');
      state.safeMode.leave();
      break;
    case 'get':
    case '':
      break;
    default:
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `safe mode takes enter, leave or get, not ${JSON.stringify(request.action)}`,
      );
  }
  judgeSafeMode(state, tx.time.monoMs);
  return { on: state.safeMode.on, reason: state.safeMode.reason };
}
