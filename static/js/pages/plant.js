// The plant: the newest of everything on a board that can be searched.
import { Board } from "../board.js";
import { Filter } from "../filter.js";
import { goLive } from "../live.js";
import { Sparks } from "../spark.js";
import { serverTime } from "../state.js";

const root = document.querySelector("[data-live]");
const form = root.querySelector("[data-part=filter]");
const board = form && new Board(root);
const sparks = new Sparks(root);
let isAsked = false;
const filter = form && new Filter(form, () => { isAsked = true; page.soon(); });

const page = goLive({
  hear({ type, data }) {
    if (data?.readings) sparks.add(data.readings);
  },
  extra(at, state, looks) {
    const isBusy = board && showBoard(looks);
    sparks.draw(serverTime(state, at), page.sight);
    return isBusy;
  },
});
page.sight.onSeen((tiles) => sparks.loadFor(tiles));

/** What filter and order want of this frame; whether there is more to do. */
function showBoard(looks) {
  if (board.update(looks) || isAsked) {
    isAsked = false;
    filter.count(board.machines);
    board.ask(filter.wanted);
  }
  const isBusy = board.show();
  board.sort();
  return isBusy;
}
