import { describe, expect, it } from 'vitest';
import { openSuperblock, writeSuperblock } from '../../../datanode/superblock.ts';
import { Witness } from '../../../datanode/witness.ts';
import { SimDiskFiles } from '../../sim/sim-disk.ts';
import { SimRandom } from '../../sim/sim-random.ts';
import { SystemClock } from '../../../common/seams/clock.ts';

const random = new SimRandom(1);

describe('the superblock', () => {
  it('is made in an empty directory and found again', async () => {
    const disk = new SimDiskFiles().mount(() => true);
    const fresh = await openSuperblock(disk, random);
    expect(fresh).toMatchObject({ clusterId: '', layout: 1, formatting: true });
    await writeSuperblock(disk, { ...fresh, clusterId: 'c', formatting: false });
    expect(await openSuperblock(disk, random)).toEqual({ ...fresh, clusterId: 'c', formatting: false });
  });

  it('is not made over something else', async () => {
    const disk = new SimDiskFiles().mount(() => true);
    await disk.openStore('photos', { createIfMissing: true });
    await expect(openSuperblock(disk, random)).rejects.toMatchObject({
      code: 'NOT_FORMATTED',
      message: expect.stringContaining('photos'),
    });
  });

  it.each([
    ['{"clusterId":"c","uuid":"u","layout":99}', 'WRONG_LAYOUT'],
    ['{"clusterId":"c"', 'METADATA_DAMAGED'],
    ['{"layout":1}', 'METADATA_DAMAGED'],
  ])('%s is refused', async (content, code) => {
    const disk = new SimDiskFiles().mount(() => true);
    await disk.writeFileDurably('SUPERBLOCK', Buffer.from(content));
    await expect(openSuperblock(disk, random)).rejects.toMatchObject({ code });
  });
});

describe('the witness', () => {
  it('remembers the highest state and obeys nobody below its epoch', async () => {
    const disk = new SimDiskFiles().mount(() => true);
    const witness = await Witness.open(disk, new SystemClock());
    expect(witness.observe(2, 100)).toBe(true);
    expect(witness.observe(2, 90)).toBe(true);
    expect(witness.observe(1, 500)).toBe(false);
    await witness.close();
    expect((await Witness.open(disk, new SystemClock())).highest).toEqual({ epoch: 2, txid: 100 });
  });
});
