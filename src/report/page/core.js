// SPDX-License-Identifier: Apache-2.0
//
// What all charts share: the data, the theme, scales and their words for numbers. The page's files are one function when they
// are embedded; nothing of it is global but uPlot.

const root = document.documentElement;
const experiment = JSON.parse(document.getElementById('experiment').textContent);
const specifications = JSON.parse(document.getElementById('charts').textContent);

// For whoever opens the page by a program: what went wrong, if anything did.
const failures = [];
function noteFailure(what) {
  failures.push(String(what));
  root.dataset.failures = JSON.stringify(failures);
}
window.addEventListener('error', (event) => noteFailure(event.message));

// "var(--way-3)" as the theme of this moment has it.
function colour(name, alpha = 1) {
  const value = getComputedStyle(root)
    .getPropertyValue(name.replace(/^var\(|\)$/g, ''))
    .trim();
  if (alpha === 1) return value;
  const part = (at) => parseInt(value.slice(at, at + 2), 16);
  return `rgba(${part(1)}, ${part(3)}, ${part(5)}, ${alpha})`;
}

function threeDigits(value) {
  const size = Math.abs(value);
  if (size >= 99.95) return Math.round(value).toLocaleString('en-US');
  if (size >= 9.995) return String(+value.toFixed(1));
  return String(+value.toPrecision(2));
}
function textMs(ms) {
  return Math.abs(ms) >= 1000 ? `${threeDigits(ms / 1000)} s` : `${threeDigits(ms)} ms`;
}
function textBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.length; ++unit) bytes /= 1024;
  return `${threeDigits(bytes)} ${units[unit]}`;
}

function font() {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

// An axis with the theme's colours; `format` turns a value into its label.
function axis(format, more = {}) {
  return {
    stroke: colour('--muted'),
    font: font(),
    grid: {stroke: colour('--grid'), width: 1},
    ticks: {stroke: colour('--line'), width: 1, size: 4},
    values: (plot, splits) => splits.map((value) => (value == null ? '' : format(value))),
    ...more,
  };
}

// Math.min(...) of very many values would be too many arguments.
function minMax(values) {
  return values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [values[0], values[0]],
  );
}

// Whole decades around the values, so that every label is a power of ten.
function decades(low, high) {
  const from = Math.floor(Math.log10(low)),
    to = Math.ceil(Math.log10(high));
  return [10 ** from, 10 ** Math.max(to, from + 1)];
}
function powersOfTen(min, max) {
  const splits = [];
  for (let power = Math.ceil(Math.log10(min) - 1e-9); 10 ** power <= max * 1.0001; ++power) {
    splits.push(10 ** power);
  }
  return splits;
}
// The same for bytes, whose round numbers are powers of two; at most six of them are marked.
function doublings(low, high) {
  const from = Math.floor(Math.log2(low)),
    to = Math.max(Math.ceil(Math.log2(high)), from + 1);
  const step = Math.ceil((to - from) / 5);
  const splits = Array.from(
    {length: Math.floor((to - from) / step) + 1},
    (_, i) => 2 ** (from + i * step),
  );
  return {range: [2 ** from, 2 ** to], splits};
}
const logarithmic = (range) => ({distr: 3, log: 10, range: () => range});

// Options that are the same everywhere: no legend of uPlot's own (the page has them as text), the size of the place.
function options(place, height, more) {
  return {
    width: Math.max(220, place.clientWidth),
    height,
    legend: {show: false},
    padding: [8, 26, 0, 0],
    ...more,
  };
}

function panelTitle(place, text) {
  const title = document.createElement('p');
  title.className = 'panel-title';
  title.textContent = text;
  place.append(title);
}
