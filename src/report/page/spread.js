// SPDX-License-Identifier: Apache-2.0
//
// Charts of many moves: distributions, sweeps over a parameter; and the rounds of one.

// All distributions of a page have the same scales: they are there to be compared.
function distributionScales() {
  let all = [],
    longest = 2;
  for (const spec of specifications) {
    if (spec.kind !== 'distribution') continue;
    for (const line of spec.lines) {
      all = all.concat(line.points.filter((value) => value > 0));
      longest = Math.max(longest, line.points.length);
    }
  }
  return {y: all.length ? decades(...minMax(all)) : [0.1, 1], longest};
}

function drawDistribution(place, spec) {
  const {y, longest} = distributionScales();
  const at = Array.from({length: longest}, (_, i) => i * spec.step);
  const data = [at];
  for (const line of spec.lines)
    data.push(at.map((_, i) => (line.points[i] > 0 ? line.points[i] : null)));
  const nines = [0, -Math.log10(0.5), 1, 2, 3, 4, 5, 6].filter(
    (x) => x <= at[at.length - 1] + 1e-9,
  );
  const percent = (x) => `${+(100 * (1 - 10 ** -x)).toFixed(4)}%`;
  const plot = new uPlot(
    options(place, 240, {
      scales: {x: {time: false, range: () => [0, at[at.length - 1]]}, y: logarithmic(y)},
      axes: [
        axis(percent, {
          splits: () => nines,
          label: spec.axis,
          labelFont: font(),
          labelSize: 20,
          size: 34,
        }),
        axis(textMs, {splits: () => powersOfTen(...y), filter: (u, s) => s, size: 62}),
      ],
      series: [
        {},
        ...spec.lines.map((line) => ({
          stroke: colour(line.colour),
          width: 2,
          points: {show: false},
        })),
      ],
      cursor: {drag: {x: false, y: false}, points: {size: 6}},
    }),
    data,
    place,
  );
  return {plots: [plot], points: spec.lines.reduce((sum, line) => sum + line.points.length, 0)};
}

// From the smallest to the largest repetition of each point.
function errorBars(lines, at) {
  return (plot) => {
    const {ctx} = plot;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const line of lines) {
      ctx.strokeStyle = colour(line.colour);
      at.forEach((x, i) => {
        if (line.low[i] == null || line.low[i] === line.high[i]) return;
        const left = plot.valToPos(x, 'x', true),
          cap = 4 * devicePixelRatio;
        const low = plot.valToPos(line.low[i], 'y', true),
          high = plot.valToPos(line.high[i], 'y', true);
        if (!Number.isFinite(low) || !Number.isFinite(high)) return;
        ctx.beginPath();
        ctx.moveTo(left, low);
        ctx.lineTo(left, high);
        for (const end of [low, high]) {
          ctx.moveTo(left - cap, end);
          ctx.lineTo(left + cap, end);
        }
        ctx.stroke();
      });
    }
    ctx.restore();
  };
}

// Factors are compared on a logarithmic axis, differences on one from zero.
function sweepScale(lines, isBytes) {
  const all = lines
    .flatMap((line) => [...line.low, ...line.high, ...line.median])
    .filter((v) => v != null);
  const [low, high] = minMax(all);
  if (low > 0 && high / low > 30 && isBytes) {
    const {range, splits} = doublings(low, high);
    return {scale: logarithmic(range), more: {splits: () => splits, filter: (u, s) => s}};
  }
  if (low > 0 && high / low > 30) {
    const range = decades(low, high);
    return {
      scale: logarithmic(range),
      more: {splits: () => powersOfTen(...range), filter: (u, s) => s},
    };
  }
  const byDoubling = {incrs: Array.from({length: 50}, (_, power) => 2 ** power)};
  return {scale: {range: () => [0, high > 0 ? high * 1.1 : 1]}, more: isBytes ? byDoubling : {}};
}

function drawSweep(place, spec) {
  const at = spec.numbers;
  const order = at.map((_, i) => i).sort((a, b) => at[a] - at[b]);
  const sorted = order.map((i) => at[i]);
  const lines = spec.lines.map((line) => ({
    ...line,
    median: order.map((i) => line.median[i]),
    low: order.map((i) => line.low[i]),
    high: order.map((i) => line.high[i]),
  }));
  const first = sorted[0],
    last = sorted[sorted.length - 1];
  const isLog = first > 0 && last / first >= 8;
  const pad = (last - first) * 0.06 || 1;
  const xRange = isLog ? [first / 1.4, last * 1.4] : [first - pad, last + pad];
  const name = (x) => spec.values[at.indexOf(x)] ?? '';
  const {scale, more} = sweepScale(lines, spec.unit === 'bytes');
  // Labels that would touch each other are left out, the first and the last last.
  const fitting = (plot) => {
    let taken = -Infinity;
    return sorted.filter((x) => {
      const left = plot.valToPos(x, 'x');
      if (left - taken < 56) return false;
      taken = left;
      return true;
    });
  };
  const format = spec.unit === 'bytes' ? textBytes : textMs;
  const plot = new uPlot(
    options(place, 260, {
      scales: {x: {time: false, range: () => xRange, ...(isLog ? {distr: 3} : {})}, y: scale},
      axes: [
        axis(name, {
          splits: fitting,
          filter: (u, s) => s,
          label: spec.parameter,
          labelFont: font(),
          labelSize: 20,
          size: 34,
        }),
        axis(format, {size: 66, ...more}),
      ],
      series: [
        {},
        ...lines.map((line) => ({
          stroke: colour(line.colour),
          width: 2,
          spanGaps: true,
          points: {show: true, size: 7, fill: colour(line.colour)},
        })),
      ],
      cursor: {drag: {x: false, y: false}, points: {show: false}},
      hooks: {draw: [errorBars(lines, sorted)]},
    }),
    [sorted, ...lines.map((line) => line.median)],
    place,
  );
  const points = lines.flatMap((line) => line.median).filter((v) => v != null).length;
  return {plots: [plot], points};
}

function drawRounds(place, spec) {
  const positive = [...spec.dirty, ...spec.sent].filter((bytes) => bytes > 0);
  const {range, splits} = doublings(...(positive.length ? minMax(positive) : [1, 1024]));
  const bars = (name, values, align) => ({
    stroke: colour(name),
    fill: colour(name),
    width: 0,
    points: {show: false},
    fillTo: (plot) => plot.scales.y.min,
    paths: uPlot.paths.bars({size: [0.36, 34], align, gap: 1}),
  });
  const known = (values) => values.map((bytes) => (bytes > 0 ? bytes : null));
  const plot = new uPlot(
    options(place, 220, {
      scales: {
        x: {
          time: false,
          range: () => [spec.number[0] - 0.7, spec.number[spec.number.length - 1] + 0.7],
        },
        y: logarithmic(range),
      },
      axes: [
        axis(String, {
          splits: () => spec.number,
          label: spec.round,
          labelFont: font(),
          labelSize: 20,
          size: 34,
          grid: {show: false},
        }),
        axis(textBytes, {splits: () => splits, filter: (u, s) => s, size: 72}),
      ],
      series: [{}, bars('--series-0', spec.dirty, -1), bars('--series-1', spec.sent, 1)],
      cursor: {drag: {x: false, y: false}, points: {show: false}},
    }),
    [spec.number, known(spec.dirty), known(spec.sent)],
    place,
  );
  return {plots: [plot], points: spec.number.length};
}
