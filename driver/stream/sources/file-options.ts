import picomatch from 'picomatch';
import { QuarryError } from '../../../common/quarry-error.ts';
import { optionOf } from '../../plan/log-options.ts';
import { countOption, flagOption } from '../stream-options.ts';

type Options = Readonly<Record<string, string>>;

/** What becomes of files whose batch is committed. */
export type CleanSource =
  | { readonly kind: 'off' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'archive'; readonly directory: string };

/** How a stream takes the files of a directory. */
export interface FileOptions {
  readonly path: string;
  readonly filesMax: number | undefined;
  readonly bytesMax: number | undefined;
  /** The newest file first, of those that are there when the files are listed. */
  readonly latestFirst: boolean;
  /** Of a file's name. */
  readonly matches: (name: string) => boolean;
  readonly clean: CleanSource;
}

/** Errors: INVALID_ARGUMENT. */
export function fileOptions(options: Options): FileOptions {
  const filesMax = countOption(options, 'maxFilesPerTrigger');
  const bytesMax = countOption(options, 'maxBytesPerTrigger');
  if (filesMax !== undefined && bytesMax !== undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      "Options 'maxFilesPerTrigger' and 'maxBytesPerTrigger' can't be both set at the same time",
    );
  }
  const glob = optionOf(options, 'pathGlobFilter');
  return {
    path: optionOf(options, 'path') ?? '',
    filesMax,
    bytesMax,
    latestFirst: flagOption(options, 'latestFirst', false),
    matches:
      glob === undefined || glob === ''
        ? () => true
        : picomatch(glob, { dot: true, nonegate: true, posix: true }),
    clean: cleanSource(options),
  };
}

/** True where a path names what may be there, not what must be. */
export function isGlob(path: string): boolean {
  return /[*?[{\\]/.test(path);
}

function cleanSource(options: Options): CleanSource {
  const text = optionOf(options, 'cleanSource') ?? 'off';
  const kind = text.toLowerCase();
  if (kind === 'off') return { kind };
  if (kind === 'delete') return { kind };
  if (kind !== 'archive') {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `Invalid mode for clean source option ${text}. Must be one of archive,delete,off`,
    );
  }
  const directory = optionOf(options, 'sourceArchiveDir')?.replace(/\/+$/, '') ?? '';
  const path = (optionOf(options, 'path') ?? '').replace(/\/+$/, '');
  if (directory === '') {
    throw new QuarryError('INVALID_ARGUMENT', 'Archive mode must be used with sourceArchiveDir option');
  }
  if (directory === path || directory.startsWith(`${path}/`)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `sourceArchiveDir ${directory} is inside ${path}: the stream would find its own archive`,
    );
  }
  return { kind, directory };
}
