// The parts of the WHATWG Encoding standard that bytes.ts uses. Declared here so that product packages see neither Node's nor a browser's types.
declare class TextEncoder {
  encode(text: string): Uint8Array;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label: string, options?: { fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
