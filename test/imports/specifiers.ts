import { parseSync } from 'vite';

/** What a module specifier is where it is computed: no rule can be held over such an import. */
export const COMPUTED = '(computed)';

interface Node {
  type: string;
  [field: string]: unknown;
}

/**
 * Every module specifier of a TypeScript file: static and dynamic imports, re-exports, types
 * (`import type`, `import('x').T`) and `require`. Read from the syntax tree, so that neither comments
 * nor strings nor line breaks deceive it.
 */
export function specifiersOf(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  const found: string[] = [];
  visit(program, (node) => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        if (node['source']) found.push(literal(node['source'] as Node));
        break;
      case 'TSExternalModuleReference':
        found.push(literal(node['expression'] as Node));
        break;
      case 'CallExpression':
        if ((node['callee'] as Node)['name'] === 'require') {
          found.push(literal((node['arguments'] as Node[])[0]));
        }
        break;
      default:
    }
  });
  return found;
}

function literal(node: Node | undefined): string {
  return node?.type === 'Literal' && typeof node['value'] === 'string' ? node['value'] : COMPUTED;
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see);
  } else if (typeof value === 'object' && value !== null) {
    if ('type' in value && typeof value.type === 'string') see(value as Node);
    for (const child of Object.values(value)) visit(child, see);
  }
}
