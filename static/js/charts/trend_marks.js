// The trend marks of the sensors; the words are the page's, the arrow is the style sheet's.
import { words } from "../common/words.js";
import { trendOf } from "./trend.js";

export class TrendMarks {
  constructor(root, charts) {
    this.marks = [...root.querySelectorAll("[data-part=trend]")].map((node) => ({ node, chart: charts.get(node.dataset.of), paintedAt: 0 }));
  }

  /** Once a second is enough for a trend of minutes. */
  paint(nowSeconds) {
    for (const mark of this.marks) {
      if (!mark.chart || nowSeconds - mark.paintedAt < 1) continue;
      mark.paintedAt = nowSeconds;
      const trend = trendOf(mark.chart.points.list, nowSeconds) ?? "";
      if (mark.node.dataset.trend === trend) continue;
      mark.node.dataset.trend = trend;
      mark.node.textContent = words.trends[trend] ?? "";
    }
  }
}
