// SPDX-License-Identifier: Apache-2.0
// The last minutes of a GPU, and charts of them.

const charted = 5 * 60 * 1000; // ms that a chart shows
const gap = 5000; // ms without a value, which part a chart's line

export class History {
  #samples = [];

  add(at, gpu) {
    this.#samples.push({
      at,
      utilisation: gpu.utilisation,
      memory: gpu.memory,
      temperature: gpu.temperature,
      power: gpu.power,
    });
    const kept = this.#samples.findIndex((sample) => sample.at > at - charted - gap);
    this.#samples.splice(0, kept);
  }

  range(key) {
    const values = this.#samples.map((sample) => sample[key]).filter((value) => value !== null);
    return values.length === 0
      ? {lowest: null, highest: null}
      : {lowest: Math.min(...values), highest: Math.max(...values)};
  }

  // Lists of points {at, value}, parted where values are missing.
  runs(key) {
    const runs = [];
    let last = null;
    for (const {at, [key]: value} of this.#samples) {
      if (value !== null) {
        if (last === null || at - last > gap) runs.push([]);
        runs.at(-1).push({at, value});
        last = at;
      }
    }
    return runs;
  }
}

// ---- Charts: one user unit is a second across, and a hundredth of the full value up.

const svg = (name, attributes) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

export class Chart {
  #svg;
  #area = svg('path', {class: 'area'});
  #line = svg('path', {class: 'line'});
  #key;

  constructor(element) {
    const width = charted / 1000;
    const minutes = Array.from({length: width / 60 + 1}, (_, i) => `M${60 * i} 100V94`);
    this.#svg = element;
    this.#key = element.dataset.chart;
    element.setAttribute('viewBox', `0 0 ${width} 100`);
    element.setAttribute('preserveAspectRatio', 'none');
    element.append(
      svg('path', {class: 'grid', d: `M0 0H${width}M0 50H${width}`}),
      svg('path', {class: 'axis', d: `M0 100H${width}${minutes.join('')}`}),
      this.#area,
      this.#line,
    );
  }

  draw(history, now, full, label) {
    const x = (at) => (charted - (now - at)) / 1000;
    const y = (value) => 100 - Math.min(100, (100 * value) / (full || 1));
    let line = '';
    let area = '';
    for (const run of history.runs(this.#key)) {
      const points = run.map(({at, value}) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
      line += `M${points.join('L')}h.1`; // a single point is seen, too
      area += `M${x(run[0].at).toFixed(1)} 100L${points.join('L')}V100Z`;
    }
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', area);
    this.#svg.setAttribute('aria-label', label);
  }
}
