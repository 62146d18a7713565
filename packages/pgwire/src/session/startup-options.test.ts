import { describe, expect, it } from 'vitest';
import { parseStartupOptions, splitStartupOptions } from './startup-options.ts';

/** `name=value` each, or the refusal. */
function read(text: string): readonly string[] | string {
  const options = parseStartupOptions(text);
  if (options.kind === 'refused') return `${options.error.sqlstate} ${options.error.message}`;
  return options.settings.map(([name, value]) => `${name}=${value}`);
}

describe('the words of options', () => {
  it.each([
    ['', []],
    ['   ', []],
    [' a  b\tc\n', ['a', 'b', 'c']],
    ['a\\ b', ['a b']],
    ['a\\\\b', ['a\\b']],
    ['\\ ', [' ']],
    ['a\\', ['a']],
  ])('of %j are %j', (text, words) => {
    expect(splitStartupOptions(text)).toEqual(words);
  });
});

describe('options', () => {
  it.each([
    ['', []],
    ['-c a=b', ['a=b']],
    ['-ca=b', ['a=b']],
    ['--a=b', ['a=b']],
    ['-c a=b --c=d', ['a=b', 'c=d']],
    ['--work-mem=1MB -c search-path=x', ['work_mem=1MB', 'search_path=x']],
    ['-c search_path=a,\\ b', ['search_path=a, b']],
    ['-c a=', ['a=']],
    ['-c a=b=c', ['a=b=c']],
    ['-c my.Own=X', ['my.Own=X']],
    ['-c a=1 -c a=2', ['a=1', 'a=2']],
    ['-e', ['datestyle=euro']],
    ['-S 64 -S32', ['work_mem=64', 'work_mem=32']],
    ['-sO', ['log_statement_stats=true', 'allow_system_table_mods=true']],
    ['-sfi', ['log_statement_stats=true', 'enable_indexscan=false']],
    ['-fs -f m', ['enable_seqscan=false', 'enable_mergejoin=false']],
    ['-tpa -t planner -te', ['log_parser_stats=true', 'log_planner_stats=true', 'log_executor_stats=true']],
    ['-d 3 -d0', ['log_min_messages=debug3', 'log_min_messages=notice']],
    ['-W 5', ['post_auth_delay=5']],
    ['-W 5 --', ['post_auth_delay=5']],
  ])('%j are the settings %j', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['-c a', '42601 -c a requires a value'],
    ['--a', '42601 --a requires a value'],
    ['-c', '42601 invalid command-line argument for server process: -c'],
    ['word', '42601 invalid command-line argument for server process: word'],
    ['-c a=b word', '42601 invalid command-line argument for server process: word'],
    ['-', '42601 invalid command-line argument for server process: -'],
    ['-- -x', '42601 invalid command-line argument for server process: -x'],
    ['-x', '42601 invalid command-line argument for server process: -x'],
    ['-fz', '42601 invalid command-line argument for server process: -fz'],
    ['-tx', '42601 invalid command-line argument for server process: -tx'],
    ['-_', '42601 invalid command-line argument for server process: -_'],
  ])('%j are refused', (text, expected) => {
    expect(read(text)).toBe(expected);
  });
});
