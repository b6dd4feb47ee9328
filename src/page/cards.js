// SPDX-License-Identifier: Apache-2.0
// The parts of the page that there is one of for each GPU, made from the templates of index.html.

import {Chart} from './charts.js';
import {amount, percent, textsOf} from './values.js';

export class Part {
  #slots;

  constructor(element) {
    this.element = element;
    this.#slots = [...element.querySelectorAll('[data-value]')];
  }

  static from(template) {
    return document.getElementById(template).content.firstElementChild.cloneNode(true);
  }

  show(texts) {
    for (const slot of this.#slots) {
      const text = texts[slot.dataset.value] ?? null;
      slot.classList.toggle('absent', text === null);
      const shown = text ?? 'not available';
      if (slot.textContent !== shown) slot.textContent = shown;
    }
  }
}

export class Card extends Part {
  #charts;
  #processes = [];
  #body;

  constructor(index) {
    super(Part.from('card'));
    this.element.id = `gpu-${index}`;
    this.element.querySelector('h3').id = `gpu-${index}-title`;
    this.element.setAttribute('aria-labelledby', `gpu-${index}-title`);
    this.#body = this.element.querySelector('tbody');
    this.#charts = [...this.element.querySelectorAll('[data-chart]')].map((each) => [
      each.dataset.chart,
      new Chart(each),
    ]);
  }

  update(gpu, history, now) {
    const texts = textsOf(gpu, history);
    this.show(texts);
    this.element.querySelector('[data-alarm=errors]').classList.toggle(
      'alarm',
      gpu.errors.some(([, count]) => count > 0),
    );
    const full = {
      utilisation: 100,
      memory: gpu.memoryTotal ?? history.range('memory').highest,
      temperature: Math.max(100, history.range('temperature').highest),
      power: Math.max(gpu.powerLimit, history.range('power').highest),
    };
    const unit = {utilisation: '%', memory: 'MiB', temperature: '°C', power: 'W'};
    for (const [key, chart] of this.#charts) {
      const {lowest, highest} = history.range(key);
      const range = lowest === null ? 'no values' : `${lowest} to ${highest} ${unit[key]}`;
      chart.draw(history, now, full[key], `${key} in the last five minutes: ${range}`);
    }
    this.#showProcesses(gpu.processes);
  }

  #showProcesses(processes) {
    while (this.#processes.length > processes.length) this.#processes.pop().element.remove();
    while (this.#processes.length < processes.length) {
      const row = new Part(Part.from('process'));
      this.#processes.push(row);
      this.#body.append(row.element);
    }
    processes.forEach(({pid, name, memory}, i) => {
      this.#processes[i].show({
        pid: pid === null ? null : String(pid),
        name,
        memory: amount(memory, 'MiB'),
      });
    });
    this.element.classList.toggle('idle', processes.length === 0);
  }
}

export class Row extends Part {
  #bars;

  constructor(index) {
    super(Part.from('row'));
    this.element.querySelector('a').href = `#gpu-${index}`;
    this.#bars = [...this.element.querySelectorAll('[data-bar]')];
  }

  update(gpu, history) {
    this.show(textsOf(gpu, history));
    const filled = {
      utilisation: percent(gpu.utilisation, 100),
      memory: percent(gpu.memory, gpu.memoryTotal),
    };
    for (const bar of this.#bars) bar.style.inlineSize = `${filled[bar.dataset.bar] ?? 0}%`;
  }
}
