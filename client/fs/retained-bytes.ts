import { assert } from '../../common/assert.ts';

/** What was written and may have to be sent again: the bytes from some offset of a block on, by reference. */
export class RetainedBytes {
  #buffers: Buffer[] = [];
  #startBytes = 0;
  #endBytes = 0;

  get endBytes(): number {
    return this.#endBytes;
  }

  push(data: Buffer): void {
    this.#buffers.push(data);
    this.#endBytes += data.length;
  }

  /** Lets go of whole buffers that end at or before `offsetBytes`. */
  dropBefore(offsetBytes: number): void {
    let count = 0;
    for (const buffer of this.#buffers) {
      if (this.#startBytes + buffer.length > offsetBytes) break;
      this.#startBytes += buffer.length;
      count++;
    }
    if (count > 0) this.#buffers.splice(0, count);
  }

  from(offsetBytes: number): Buffer[] {
    assert(offsetBytes >= this.#startBytes && offsetBytes <= this.#endBytes, 'the bytes are still retained');
    const result: Buffer[] = [];
    let at = this.#startBytes;
    for (const buffer of this.#buffers) {
      const end = at + buffer.length;
      if (end > offsetBytes) result.push(at >= offsetBytes ? buffer : buffer.subarray(offsetBytes - at));
      at = end;
    }
    return result;
  }
}
