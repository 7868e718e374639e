// Proxmox's own description of its API (apidata 9.1.3), as a check of requests. Where it is absent the
// rules written here hold: known paths and required parameters.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Property = {
  readonly type?: string;
  readonly optional?: number;
  readonly enum?: readonly string[];
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly maxLength?: number;
  readonly pattern?: string;
};
type Method = {
  readonly parameters?: { readonly properties?: Readonly<Record<string, Property>> };
};
type Node = {
  readonly path: string;
  readonly info?: Readonly<Record<string, Method>>;
  readonly children?: readonly Node[] | null;
};

const FILE = join(import.meta.dirname, '../../../../shared/specs/proxmox-9.1.3.json');

/** Problems of one request by parameter; an empty object means that Proxmox would take it. */
export type RequestCheck = (
  method: string,
  path: string,
  parameters: Readonly<Record<string, string>>,
) => Readonly<Record<string, string>>;

/** Whether the vendor's own description is at hand. */
export const HAS_SPEC = existsSync(FILE);

/** The check of all fakes: it remembers nothing, and its megabyte is read once. */
export function loadRequestCheck(): RequestCheck {
  check ??= HAS_SPEC ? readRequestCheck() : checkByHand;
  return check;
}

let check: RequestCheck | undefined;

function readRequestCheck(): RequestCheck {
  const nodes = flatten(JSON.parse(readFileSync(FILE, 'utf8')) as Node[]);
  return (method, path, parameters) => {
    const found = nodes.find(
      ({ pattern, node }) => pattern.test(path) && node.info?.[method] !== undefined,
    );
    if (found === undefined) return { path: `Method '${method} ${path}' not implemented` };
    const properties = found.node.info?.[method]?.parameters?.properties ?? {};
    const problems: Record<string, string> = {};
    const inPath = new Set([...found.node.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
    for (const [name, value] of Object.entries(parameters)) {
      const property = properties[name] ?? properties[name.replace(/\d+$/, '[n]')];
      if (property === undefined) {
        problems[name] =
          'property is not defined in schema and the schema does not allow additional properties';
      } else {
        const why = checkValue(value, property);
        if (why !== undefined) problems[name] = why;
      }
    }
    for (const [name, property] of Object.entries(properties)) {
      const missing =
        property.optional !== 1 &&
        !inPath.has(name) &&
        !name.includes('[n]') &&
        parameters[name] === undefined;
      if (missing) problems[name] = 'property is missing and it is not optional';
    }
    return problems;
  };
}

function checkValue(value: string, property: Property): string | undefined {
  const { type, maxLength, pattern } = property;
  if (type === 'integer' || type === 'number') {
    const number = Number(value);
    if (value === '' || Number.isNaN(number) || (type === 'integer' && !Number.isInteger(number))) {
      return `type check ('${type}') failed - got '${value}'`;
    }
    if (property.minimum !== undefined && number < Number(property.minimum))
      return `value must have a minimum value of ${property.minimum}`;
    if (property.maximum !== undefined && number > Number(property.maximum))
      return `value must have a maximum value of ${property.maximum}`;
  }
  if (type === 'boolean' && !/^(?:0|1|yes|no|on|off|true|false)$/i.test(value))
    return `type check ('boolean') failed - got '${value}'`;
  if (property.enum !== undefined && !property.enum.includes(value))
    return `value '${value}' does not have a value in the enumeration '${property.enum.join(', ')}'`;
  if (maxLength !== undefined && value.length > maxLength)
    return `value may only be ${maxLength} characters long`;
  if (pattern !== undefined && type === 'string') {
    // Perl patterns that JavaScript cannot read are left to Proxmox.
    const compiled = compilePattern(pattern);
    if (compiled !== undefined && !compiled.test(value))
      return `value does not match the regex pattern`;
  }
  return undefined;
}

function compilePattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern.replace(/^\(\?\^?\w*:/, '(?:')})$`);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function flatten(nodes: readonly Node[]): { pattern: RegExp; node: Node }[] {
  return nodes.flatMap((node) => [
    { pattern: new RegExp(`^${node.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`), node },
    ...flatten(node.children ?? []),
  ]);
}

const REQUIRED: readonly [method: string, path: RegExp, names: readonly string[]][] = [
  ['POST', /^\/nodes\/[^/]+\/(?:qemu|lxc)$/, ['vmid']],
  ['POST', /\/clone$/, ['newid']],
  ['PUT', /\/resize$/, ['disk', 'size']],
  ['POST', /\/agent\/set-user-password$/, ['username', 'password']],
];

const checkByHand: RequestCheck = (method, path, parameters) => {
  const names =
    REQUIRED.find(([wanted, pattern]) => wanted === method && pattern.test(path))?.[2] ?? [];
  const missing = names.filter((name) => parameters[name] === undefined);
  return Object.fromEntries(
    missing.map((name) => [name, 'property is missing and it is not optional']),
  );
};
