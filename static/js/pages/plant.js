// The plant's page: newest values on a board with a filter.
import { Board } from "../board/board.js";
import { Filter } from "../board/filter.js";
import { Sparks } from "../board/spark.js";
import { goLive } from "../live/page.js";
import { serverTime } from "../live/state.js";

const root = document.querySelector("[data-live]");
const form = root.querySelector("[data-part=filter]");
const board = form && new Board(root);
const sparks = new Sparks(root);
let isFilterChanged = false;
const filter = form && new Filter(form, () => { isFilterChanged = true; page.paintNext(); });

const page = goLive({
  onEvent({ data }) {
    if (data?.readings) sparks.add(data.readings);
  },
  onFrame(nowMs, state, views) {
    const isBusy = board && showBoard(views);
    sparks.draw(serverTime(state, nowMs), page.visibleTiles);
    return isBusy;
  },
});
page.visibleTiles.onAppear((tiles) => sparks.loadFor(tiles));

/** Apply filter and order to a frame's part of the tiles; return whether there is more to do. */
function showBoard(views) {
  if (board.update(views) || isFilterChanged) {
    isFilterChanged = false;
    filter.showCounts(board.machines);
    board.setFilter(filter.criteria);
  }
  const isBusy = board.showNext();
  board.sort();
  return isBusy;
}
