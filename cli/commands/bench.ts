import { type Command, notThereYet } from '../command.ts';

export const benchCommand: Command = {
  name: 'bench',
  summary: 'measurements (for now: the scripts of bench/ in the repository)',
  usage: 'quarry bench   (not there yet: docs/performance.md names the scripts)',
  async run() {
    return notThereYet('quarry bench');
  },
};
