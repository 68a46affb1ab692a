import { FunctionFamily } from './function-spec.ts';
export const lambdas = new FunctionFamily();
