/** What a check has to say about one place. Texts are one sentence that ends with where to go instead. */
export interface Finding {
  /** Relative to the repository. */
  readonly file: string;
  /** From 1; 0 if it is about the whole file. */
  readonly line: number;
  readonly rule: string;
  readonly text: string;
}

export const formatFinding = ({ file, line, rule, text }: Finding): string =>
  `${file}${line > 0 ? `:${line}` : ''}: ${rule}: ${text}`;
