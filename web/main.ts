import { ClicksPanel } from './clicks-panel.ts';
import { DagsPanel } from './dags-panel.ts';
import { byId, setText } from './dom.ts';
import { formatClock } from './format.ts';
import { listenLive } from './live.ts';
import { LogDialog } from './log-dialog.ts';
import { partsPanel } from './parts-panel.ts';
import { StreamsPanel } from './streams-panel.ts';
import { themeButton } from './theme.ts';
import { Tiles } from './tiles.ts';
import { TopPanel } from './top-panel.ts';

const tiles = new Tiles();
let top: TopPanel | undefined;
const clicks = new ClicksPanel((state) => {
  tiles.day(state);
  top?.update();
});
top = new TopPanel(() => clicks.state);
new StreamsPanel((streams) => tiles.streams(streams));
new DagsPanel(new LogDialog());
partsPanel();
themeButton(byId<'button'>('theme'), () => clicks.recolour());

const pill = byId('live');
listenLive({
  event: (event) => clicks.live(event),
  reconnected: () => clicks.reconnected(),
  state: (state) => {
    pill.dataset['state'] = state;
    setText(pill, state === 'live' ? 'Live' : 'Reconnecting');
  },
});

const clock = byId('clock');
const tick = () => setText(clock, formatClock(Date.now()));
tick();
setInterval(tick, 1000);
