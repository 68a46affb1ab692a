/** Imports a DAG's file and nothing else: the hooks of a job's process take what this module imports for an entry, an ES module. */
export async function importDagFile(url: string): Promise<unknown> {
  const loaded = (await import(url)) as { readonly default?: unknown };
  return loaded.default;
}
