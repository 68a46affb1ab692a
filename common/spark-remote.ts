/**
 * A Spark Connect URL with the key that a scheduler has put into SPARK_REMOTE: `;x-quarry-dag=...;x-quarry-task=...;x-quarry-run-id=...`.
 * It belongs to the run and not to the server, so it goes along to whichever server the program speaks to. Values stay percent-encoded.
 */
export function withRunKey(url: string, remote: string | undefined = process.env['SPARK_REMOTE']): string {
  const pairs = (remote ?? '')
    .split(';')
    .filter((pair) => pair.startsWith('x-quarry-') && pair.includes('='));
  if (pairs.length === 0 || url.includes(';x-quarry-')) return url;
  const separator = url.includes('/;') ? ';' : url.endsWith('/') ? ';' : '/;';
  return `${url}${separator}${pairs.join(';')}`;
}
