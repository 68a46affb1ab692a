import { QuarryError } from '../../common/quarry-error.ts';
import type { AnalyzePlanRequest } from '../../proto/gen/spark/connect/AnalyzePlanRequest.ts';
import type { AnalyzePlanResponseInput } from '../../proto/gen/spark/connect/AnalyzePlanResponse.ts';
import type { Plan } from '../../proto/gen/spark/connect/Plan.ts';
import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';
import type { StorageLevel } from '../../proto/gen/spark/connect/StorageLevel.ts';
import { isStreaming } from '../plan/event-time.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { inputsOf } from '../plan/plan-tree.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { sqlTypeName, treeString } from '../plan/types/simple-string.ts';
import { fromJsonSchema, parseSchema, parseType } from '../plan/types/type-parser.ts';
import type { Session } from '../session/session.ts';
import { dataTypeMessage } from './data-type.ts';
import { operationOf } from './execute-plan.ts';
import { explainString } from './explain-string.ts';
import { openResult, type ResultSources } from './open-result.ts';
import { canonicalPlan, semanticHash } from './plan-identity.ts';

/** The release of Spark whose behaviour is served. */
export const SPARK_VERSION = '4.0.1';

/** What a client asks about a plan without running it. */
export async function analyzePlan(
  request: AnalyzePlanRequest,
  session: Session,
  sources: ResultSources,
): Promise<AnalyzePlanResponseInput> {
  const analyzed = (plan: Plan | null): Promise<LogicalPlan> =>
    sources.planner.analyze(session, rootOf(plan));
  switch (request.analyze) {
    case 'schema': {
      const { schema } = await openResult(rootOf(request.schema!.plan), session, sources);
      return { schema: { schema: dataTypeMessage(schema) } };
    }
    case 'treeString': {
      const { plan, level } = request.treeString!;
      const { schema } = await openResult(rootOf(plan), session, sources);
      return { treeString: { treeString: treeString(schema, level ?? 0) } };
    }
    case 'explain': {
      const isExtended = request.explain!.explainMode === 'EXPLAIN_MODE_EXTENDED';
      return { explain: { explainString: explainString(await analyzed(request.explain!.plan), isExtended) } };
    }
    case 'isLocal': {
      const plan = await analyzed(request.isLocal!.plan);
      return { isLocal: { isLocal: plan.kind === 'local' || plan.kind === 'one-row' } };
    }
    case 'isStreaming':
      return { isStreaming: { isStreaming: isStreaming(await analyzed(request.isStreaming!.plan)) } };
    case 'inputFiles':
      return { inputFiles: { files: inputFiles(await analyzed(request.inputFiles!.plan)) } };
    case 'sameSemantics': {
      const { targetPlan, otherPlan } = request.sameSemantics!;
      const [target, other] = [await analyzed(targetPlan), await analyzed(otherPlan)];
      return { sameSemantics: { result: canonicalPlan(target) === canonicalPlan(other) } };
    }
    case 'semanticHash':
      return { semanticHash: { result: semanticHash(await analyzed(request.semanticHash!.plan)) } };
    default:
      return analyzeWithoutPlan(request, session);
  }
}

function analyzeWithoutPlan(request: AnalyzePlanRequest, session: Session): AnalyzePlanResponseInput {
  switch (request.analyze) {
    case 'sparkVersion':
      return { sparkVersion: { version: SPARK_VERSION } };
    case 'ddlParse':
      return { ddlParse: { parsed: dataTypeMessage(parseDdl(request.ddlParse!.ddlString)) } };
    case 'jsonToDdl':
      return { jsonToDdl: { ddlString: ddlText(fromJsonSchema(parseJson(request.jsonToDdl!.jsonString))) } };
    case 'persist': {
      const { relation, storageLevel } = request.persist!;
      session.storageLevels.set(identity(relation), storageLevel ?? MEMORY_AND_DISK);
      return { persist: {} };
    }
    case 'unpersist':
      session.storageLevels.delete(identity(request.unpersist!.relation));
      return { unpersist: {} };
    case 'getStorageLevel': {
      const level = session.storageLevels.get(identity(request.getStorageLevel!.relation)) ?? NOT_STORED;
      return { getStorageLevel: { storageLevel: level } };
    }
    default:
      throw new QuarryError(
        'UNSUPPORTED',
        'a request of a newer client: it asks about a plan in an unknown way',
      );
  }
}

const MEMORY_AND_DISK: StorageLevel = {
  useDisk: true,
  useMemory: true,
  useOffHeap: false,
  deserialized: true,
  replication: 1,
};
const NOT_STORED: StorageLevel = {
  ...MEMORY_AND_DISK,
  useDisk: false,
  useMemory: false,
  deserialized: false,
};

/** A data frame is sent with the same plan id each time. */
function identity(relation: Relation | null): string {
  return relation?.common?.planId ?? '';
}

function rootOf(plan: Plan | null): Relation {
  const { root } = operationOf(plan);
  if (root === null || root === undefined) {
    throw new QuarryError('INVALID_ARGUMENT', 'only a relation can be analysed, not a command');
  }
  return root;
}

/** `a int, b string`, or one type. */
function parseDdl(text: string): SparkType {
  try {
    return parseType(text);
  } catch (thrown) {
    if (!(thrown instanceof QuarryError)) throw thrown;
    return parseSchema(text);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QuarryError('PARSE', `not a schema in JSON: ${text.slice(0, 100)}`, { cause });
  }
}

function ddlText(type: SparkType): string {
  if (type.kind !== 'struct') return sqlTypeName(type);
  return type.fields
    .map((field) => `${field.name} ${sqlTypeName(field.type)}${field.nullable ? '' : ' NOT NULL'}`)
    .join(',');
}

function inputFiles(plan: LogicalPlan): string[] {
  const own = plan.kind === 'scan' ? plan.files.map(({ path }) => path) : [];
  return [...new Set([...own, ...inputsOf(plan).flatMap(inputFiles)])];
}
