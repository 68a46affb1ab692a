import { FunctionFamily } from './function-spec.ts';
export const dates = new FunctionFamily();
