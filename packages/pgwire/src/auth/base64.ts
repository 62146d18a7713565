const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648, section 4, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] as number) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += alphabet.charAt(group >>> 18) + alphabet.charAt((group >>> 12) & 63);
    text += left > 1 ? alphabet.charAt((group >>> 6) & 63) : '=';
    text += left > 2 ? alphabet.charAt(group & 63) : '=';
  }
  return text;
}

/** The inverse; undefined unless the text is exactly what `encodeBase64` would write. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let group = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = i < digits ? alphabet.indexOf(text.charAt(i)) : 0;
    if (digit < 0) return undefined;
    group = (group << 6) | digit;
    if (i % 4 !== 3) continue;
    // Writes past the end fall off; what falls off must be zero, or two texts would mean the same bytes.
    for (const byte of [group >>> 16, (group >>> 8) & 255, group & 255]) {
      if (at >= bytes.length && byte !== 0) return undefined;
      bytes[at++] = byte;
    }
    group = 0;
  }
  return bytes;
}
