// SPDX-License-Identifier: Apache-2.0
//
// What clients noticed during one move: latency, answers per second and failures over one time axis, with the phases of the
// move behind them. All panels zoom together.

const kShownAround = 0.3; // of the move's length, before and after it
const kShownAtLeastMs = 300;
const kBins = 120; // of answers per second over what is shown
const kBinAtLeastMs = 50;

function phasesBehind(phases) {
  return (plot) => {
    const {ctx, bbox} = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const phase of phases) {
      const from = plot.valToPos(phase.start, 'x', true);
      const to = plot.valToPos(phase.start + phase.ms, 'x', true);
      const width = Math.max(to - from, phase.frozen ? 1 : 0);
      ctx.fillStyle = colour(phase.colour, phase.frozen ? 0.22 : 0.08);
      ctx.fillRect(from, bbox.top, width, bbox.height);
      ctx.fillStyle = colour(phase.colour);
      ctx.fillRect(from, bbox.top, width, 4 * devicePixelRatio);
    }
    ctx.restore();
  };
}

// Sums over bins of equal length; a bin that the data does not fill is left out.
function binned(at, values, width) {
  const first = Math.ceil(at[0] / width),
    last = Math.floor((at[at.length - 1] + 10) / width);
  const bins = {at: [], sums: []};
  for (let bin = first; bin < last; ++bin) {
    bins.at.push(bin * width);
    bins.sums.push(0);
  }
  at.forEach((time, i) => {
    const bin = Math.floor(time / width) - first;
    if (bin >= 0 && bin < bins.sums.length) bins.sums[bin] += values[i];
  });
  return bins;
}

function shownRange(move, at) {
  const ends = move.phases.map((phase) => phase.start_ms + phase.ms);
  const length = Math.max(move.total_ms ?? 0, ...ends, 1);
  const around = Math.max(kShownAtLeastMs, length * kShownAround);
  const range = [Math.max(at[0], -around), Math.min(at[at.length - 1] + 10, length + around)];
  return range[0] < range[1] ? range : [at[0], at[at.length - 1] + 10];
}

// Without the times in which nothing was due: a line goes on over them. One that was due and not answered interrupts it.
function latencies(timeline) {
  const points = {at: [], worst: []};
  timeline.at_ms.forEach((time, i) => {
    if (timeline.due[i] === 0 && timeline.worst_ms[i] == null) return;
    points.at.push(time);
    points.worst.push(timeline.worst_ms[i] > 0 ? timeline.worst_ms[i] : null);
  });
  return points;
}

// All timelines of a page have the same scale of latencies. The few that are far below the others do not stretch it.
let latencyRange = null;
function sharedLatencyRange() {
  if (latencyRange) return latencyRange;
  const all = specifications
    .filter((spec) => spec.kind === 'timeline')
    .flatMap((spec) => experiment.moves[spec.move].timeline.worst_ms.filter((ms) => ms > 0))
    .sort((a, b) => a - b);
  latencyRange = all.length
    ? decades(all[Math.floor(all.length * 0.1)], all[all.length - 1])
    : [0.1, 1];
  return latencyRange;
}

// Points without a neighbour, which no line shows.
function lonely(plot, series) {
  const values = plot.data[series];
  return values.flatMap((value, i) =>
    value != null && values[i - 1] == null && values[i + 1] == null ? [i] : [],
  );
}

function timeAxis(range, show) {
  const seconds = range[1] - range[0] >= 3000;
  const format = (ms) => (seconds ? `${+(ms / 1000).toFixed(3)} s` : `${+ms.toFixed(2)} ms`);
  return axis(format, show ? {space: 70, size: 28} : {values: () => [], size: 6, space: 70});
}

function drawTimeline(place, spec, index) {
  const move = experiment.moves[spec.move],
    timeline = move.timeline;
  const range = shownRange(move, timeline.at_ms);
  const points = latencies(timeline);
  const width = Math.max(kBinAtLeastMs, Math.ceil((range[1] - range[0]) / kBins / 10) * 10);
  const answers = binned(timeline.at_ms, timeline.completed, width);
  const rates = answers.sums.map((sum) => (sum * 1000) / width);
  const errors = binned(timeline.at_ms, timeline.errors, width);
  const anyErrors = timeline.errors.some((count) => count > 0);
  const readout = document.createElement('output');
  readout.className = 'readout';
  place.append(readout);

  const tell = (plot) => {
    const at = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, 'x') : null;
    const i = at == null ? -1 : uPlot.nearest(timeline.at_ms, at);
    const bin = at == null ? -1 : answers.at.findLastIndex((time) => time <= at);
    readout.textContent =
      i < 0
        ? ''
        : spec.readout
            .replace('{at}', textMs(timeline.at_ms[i]))
            .replace('{worst}', timeline.worst_ms[i] == null ? '–' : textMs(timeline.worst_ms[i]))
            .replace('{rate}', bin < 0 ? '–' : threeDigits(rates[bin]))
            .replace('{errors}', timeline.errors[i]);
  };
  const known = points.worst.filter((value) => value != null);
  const yRange = sharedLatencyRange();
  const panel = (title, height, data, series, scale, yAxis, last) => {
    panelTitle(place, title);
    const plot = new uPlot(
      options(place, height, {
        scales: {x: {time: false}, y: scale},
        axes: [timeAxis(range, last), {...yAxis, size: 62}],
        series: [{}, series],
        cursor: {
          sync: {key: `timeline-${index}`, scales: ['x', null]},
          drag: {x: true, y: false},
          y: false,
          points: {show: false},
        },
        hooks: {drawClear: [phasesBehind(spec.phases)], setCursor: [tell]},
      }),
      data,
      place,
    );
    plot.setScale('x', {min: range[0], max: range[1]});
    return plot;
  };
  const fromZero = {range: (plot, low, high) => [0, Math.max(1, high) * 1.1]};
  const plots = [
    panel(
      spec.latency,
      190,
      [points.at, points.worst],
      {
        stroke: colour('--accent'),
        width: 1.25,
        points: {show: true, filter: lonely, size: 3, width: 0, fill: colour('--accent')},
      },
      logarithmic(yRange),
      axis(textMs, {splits: () => powersOfTen(...yRange), filter: (u, s) => s}),
      false,
    ),
    panel(
      spec.throughput,
      anyErrors ? 84 : 106,
      [answers.at, rates],
      {
        stroke: colour('--time-0'),
        width: 1.25,
        paths: uPlot.paths.stepped({align: 1}),
        points: {show: false},
      },
      fromZero,
      axis(threeDigits, {space: 26}),
      !anyErrors,
    ),
  ];
  if (anyErrors) {
    plots.push(
      panel(
        spec.errors,
        86,
        [errors.at, errors.sums],
        {
          stroke: colour('--bad'),
          fill: colour('--bad', 0.7),
          points: {show: false},
          paths: uPlot.paths.bars({align: 1, size: [1, 60]}),
        },
        fromZero,
        axis(threeDigits, {space: 26}),
        true,
      ),
    );
  }
  return {plots, points: known.length};
}
