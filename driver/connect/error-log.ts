import { randomUUID } from 'node:crypto';
import type { FetchErrorDetailsResponseInput } from '../../proto/gen/spark/connect/FetchErrorDetailsResponse.ts';
import type { SparkError } from './spark-error.ts';

/** A client asks for an error's whole text at once after it, if ever. */
const ERRORS_MAX = 200;

/** The last errors by id, for FetchErrorDetails. */
export class ErrorLog {
  readonly #errors = new Map<string, SparkError>();

  /** Answers the error's id. */
  add(error: SparkError): string {
    const id = randomUUID();
    this.#errors.set(id, error);
    const oldest = this.#errors.keys().next().value;
    if (this.#errors.size > ERRORS_MAX && oldest !== undefined) this.#errors.delete(oldest);
    return id;
  }

  /** No root error for an id that is not kept. */
  details(id: string): Pick<FetchErrorDetailsResponseInput, 'rootErrorIdx' | 'errors'> {
    const error = this.#errors.get(id);
    if (error === undefined) return {};
    const spark = {
      ...(error.errorClass === undefined ? {} : { errorClass: error.errorClass }),
      ...(error.sqlState === undefined ? {} : { sqlState: error.sqlState }),
      messageParameters: { ...error.parameters },
    };
    return {
      rootErrorIdx: 0,
      errors: [{ errorTypeHierarchy: [...error.classes], message: error.message, sparkThrowable: spark }],
    };
  }
}
