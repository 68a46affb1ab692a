import { QuarryError } from '../../../common/quarry-error.ts';
import { datanodeReportService } from '../../../common/rpc/services.ts';
import type { Seams } from '../../../common/seams/seams.ts';
import type { BlockReportRequest } from '../../../proto/gen/quarry/BlockReportRequest.ts';
import type { CommandInput } from '../../../proto/gen/quarry/Command.ts';
import type { CommitBlockSyncRequest } from '../../../proto/gen/quarry/CommitBlockSyncRequest.ts';
import type { HeartbeatRequest } from '../../../proto/gen/quarry/HeartbeatRequest.ts';
import type { RegisterRequest } from '../../../proto/gen/quarry/RegisterRequest.ts';

export const NAMENODE = 'nn:9001';

/** What datanodes tell, by node and in order, and the orders they are given with every heartbeat until they are done. */
export class FakeNamenode {
  clusterId = 'cluster-1';
  epoch = 1;
  refuseWith: QuarryError | undefined;
  readonly registrations: RegisterRequest[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  readonly reports: BlockReportRequest[] = [];
  readonly commits: CommitBlockSyncRequest[] = [];
  /** `session.sequence kind block@stamp/length`, a durable one with `!`. */
  readonly events: string[] = [];
  readonly done: number[] = [];
  orders = new Map<string, CommandInput[]>();
  #sessions = new Map<string, number>();
  #nextSession = 1;
  #nextSequence = new Map<number, number>();

  async serve(seams: Seams): Promise<void> {
    const server = seams.rpc.createServer();
    const service = datanodeReportService();
    server.handle(service.Register, async (request) => {
      if (this.refuseWith !== undefined) throw this.refuseWith;
      this.registrations.push(request);
      const session = this.#nextSession++;
      this.#sessions.set(request.info!.id, session);
      this.#nextSequence.set(session, 1);
      return { clusterId: this.clusterId, session, epoch: this.epoch, heartbeatIntervalMs: 1000 };
    });
    server.handle(service.Heartbeat, async (request) => {
      this.#check(request);
      this.heartbeats.push(request);
      this.done.push(...request.doneCommands);
      const commands = (this.orders.get(request.nodeId) ?? []).filter(
        ({ id }) => !request.doneCommands.includes(Number(id)),
      );
      this.orders.set(request.nodeId, commands);
      return { epoch: this.epoch, txid: 10, commands, fullReportWanted: false };
    });
    server.handle(service.BlockReport, async (request) => {
      this.#check(request);
      this.reports.push(request);
      return { fullReportWanted: false };
    });
    server.handle(service.IncrementalReport, async (request) => {
      this.#check(request);
      const expected = this.#nextSequence.get(request.session)!;
      if (request.sequence < expected) return { fullReportWanted: false };
      this.#nextSequence.set(request.session, request.sequence + 1);
      for (const { kind, replica } of request.events) {
        const { blockId, generationStamp, lengthBytes } = replica!.block!;
        const durable = replica!.durable ? '!' : '';
        this.events.push(
          `${request.session}.${request.sequence} ${kind} ${blockId}@${generationStamp}/${lengthBytes}${durable}`,
        );
      }
      return { fullReportWanted: request.sequence > expected };
    });
    server.handle(service.CommitBlockSync, async (request) => {
      this.#check(request);
      this.commits.push(request);
      return { fullReportWanted: false };
    });
    await server.listen(NAMENODE);
  }

  /** Forgets every datanode, as a restart does. */
  forget(): void {
    this.#sessions.clear();
  }

  order(nodeId: string, command: CommandInput): void {
    this.orders.set(nodeId, [...(this.orders.get(nodeId) ?? []), command]);
  }

  #check({ nodeId, session }: { nodeId: string; session: number }): void {
    if (this.#sessions.get(nodeId) !== session) {
      throw new QuarryError('NOT_REGISTERED', `${nodeId} must register`);
    }
  }
}
