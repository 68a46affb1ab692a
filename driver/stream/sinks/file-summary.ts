/** What a task with a file output answers. */
export interface FileSummary {
  readonly files: readonly { readonly path: string; readonly rowCount: number | string }[];
}
