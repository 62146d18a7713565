import type { Node, TypeName } from 'libpg-query';

import { bodyOf, kindOf, stringOf } from './parser.ts';

const valueFunctionNames: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'current_date',
  SVFOP_CURRENT_TIMESTAMP: 'current_timestamp',
  SVFOP_LOCALTIMESTAMP: 'localtimestamp',
  SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_USER: 'user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

/** The name of an output column without AS (Postgres's FigureColname). */
export function columnName(node: Node): string {
  return figure(node)?.name ?? '?column?';
}

/** A name and how sure it is: a type's name gives way to the name of what is cast. */
function figure(node: Node): { readonly name: string; readonly sure: boolean } | undefined {
  switch (kindOf(node)) {
    case 'ColumnRef': {
      const name = stringOf(bodyOf<{ fields?: Node[] }>(node).fields?.at(-1));
      return { name, sure: true };
    }
    case 'FuncCall':
      return { name: stringOf(bodyOf<{ funcname?: Node[] }>(node).funcname?.at(-1)), sure: true };
    case 'TypeCast': {
      const { arg, typeName } = bodyOf<{ arg?: Node; typeName?: TypeName }>(node);
      const inner = arg === undefined ? undefined : figure(arg);
      return inner?.sure === true ? inner : { name: stringOf(typeName?.names?.at(-1)), sure: false };
    }
    case 'CaseExpr': {
      const { defresult } = bodyOf<{ defresult?: Node }>(node);
      const inner = defresult === undefined ? undefined : figure(defresult);
      return inner?.sure === true ? inner : { name: 'case', sure: false };
    }
    case 'CoalesceExpr':
      return { name: 'coalesce', sure: true };
    case 'A_Expr':
      return bodyOf<{ kind?: string }>(node).kind === 'AEXPR_NULLIF' ? { name: 'nullif', sure: true } : undefined;
    case 'SQLValueFunction':
      return { name: valueFunctionNames[bodyOf<{ op?: string }>(node).op ?? ''] ?? '?column?', sure: true };
    default:
      return undefined;
  }
}
