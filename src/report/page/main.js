// SPDX-License-Identifier: Apache-2.0
//
// Draws all charts, and again when the theme or the width changes; the theme's button; the download.

const kDraw = {
  timeline: drawTimeline,
  distribution: drawDistribution,
  sweep: drawSweep,
  rounds: drawRounds,
};
const drawn = new Map(); // figure → its plots

function draw(figure) {
  const spec = specifications[figure.dataset.chart];
  const place = figure.querySelector('.plot');
  for (const plot of drawn.get(figure) ?? []) plot.destroy();
  place.replaceChildren();
  try {
    const {plots, points} = kDraw[spec.kind](place, spec, figure.dataset.chart);
    drawn.set(figure, plots);
    figure.dataset.points = points;
  } catch (failure) {
    noteFailure(`${spec.kind}: ${failure.stack ?? failure}`);
  }
}

function drawAll() {
  const figures = [...document.querySelectorAll('figure[data-chart]')];
  figures.forEach(draw);
  root.dataset.charts = figures.filter((figure) => Number(figure.dataset.points) > 0).length;
}

// Themes: that of the system until the reader chooses; the choice is kept for the next report.
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const button = document.getElementById('theme');
let choice = ['light', 'dark'].includes(root.dataset.theme) ? root.dataset.theme : 'auto';
let printing = false;

function applyTheme() {
  const dark = !printing && (choice === 'dark' || (choice === 'auto' && systemIsDark.matches));
  root.dataset.theme = dark ? 'dark' : 'light';
  button.textContent = `${button.dataset.name}: ${button.dataset[choice]}`;
  drawAll();
}
button.hidden = false;
button.addEventListener('click', () => {
  const order = systemIsDark.matches ? ['auto', 'light', 'dark'] : ['auto', 'dark', 'light'];
  choice = order[(order.indexOf(choice) + 1) % order.length];
  try {
    localStorage.setItem('ferry-theme', choice);
  } catch {
    // A page from a file may not keep anything; the choice holds until it is closed.
  }
  applyTheme();
});
systemIsDark.addEventListener('change', applyTheme);

// Paper is white, and shows what is folded away on the screen.
const folded = [...document.querySelectorAll('details')];
let wasOpen = [];
window.addEventListener('beforeprint', () => {
  printing = true;
  wasOpen = folded.map((element) => element.open);
  folded.forEach((element) => {
    element.open = true;
  });
  applyTheme();
});
window.addEventListener('afterprint', () => {
  printing = false;
  folded.forEach((element, i) => {
    element.open = wasOpen[i];
  });
  applyTheme();
});

let width = root.clientWidth;
window.addEventListener('resize', () => {
  if (root.clientWidth === width || printing) return;
  width = root.clientWidth;
  drawAll();
});

const download = document.getElementById('download');
const data = new Blob([JSON.stringify(experiment, null, 1)], {type: 'application/json'});
download.href = URL.createObjectURL(data);
download.hidden = false;

applyTheme();
