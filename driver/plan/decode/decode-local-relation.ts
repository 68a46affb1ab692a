/** The two fields of a serialised LocalRelation message (1: Arrow bytes, 2: schema text), which arrives as a cached artifact. */
export function decodeLocalRelation(bytes: Uint8Array): {
  data: Uint8Array | undefined;
  schema: string | undefined;
} {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[position] ?? 0;
      position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  let data: Uint8Array | undefined;
  let schema: string | undefined;
  while (position < bytes.length) {
    const tag = varint();
    const length = varint();
    const value = bytes.subarray(position, position + length);
    position += length;
    if (tag >> 3 === 1) data = value;
    else if (tag >> 3 === 2) schema = Buffer.from(value).toString('utf8');
  }
  return { data, schema };
}
