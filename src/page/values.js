// SPDX-License-Identifier: Apache-2.0
// From what the API answers to what is shown. Any value may be missing, or not be what the API
// promises: it is nothing then (null), which is shown as not available.

const grouped = new Intl.NumberFormat('en');

const numberIn = (value) => (Number.isFinite(value) ? value : null);
export const digits = (value) => (value === null ? null : grouped.format(value));
export const amount = (value, unit) =>
  value === null ? null : `${grouped.format(value)}\u00a0${unit}`;
export const percent = (part, whole) =>
  part === null || !whole ? null : Math.min(100, Math.round((100 * part) / whole));

export function amountOf(used, total, unit) {
  return total === null || used === null
    ? amount(used, unit)
    : `${grouped.format(used)}\u00a0of ${amount(total, unit)}`;
}

// Characters that are not seen, or that turn others around, as what they are: "\u202e".
export function textIn(value) {
  if (typeof value !== 'string' || value === '') return null;
  return value.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}`,
  );
}

// ---- What the two answers say of one GPU.

function processesIn(list) {
  if (!Array.isArray(list)) return [];
  return list
    .map((each) => ({
      pid: numberIn(each?.PID),
      name: textIn(each?.Name),
      memory: numberIn(each?.MemoryUsed),
    }))
    .sort((a, b) => (b.memory ?? -1) - (a.memory ?? -1) || (a.pid ?? 0) - (b.pid ?? 0));
}

export function gpuOf(index, info, status) {
  const errors = status?.Memory?.ECCErrors;
  return {
    index,
    uuid: textIn(info?.UUID),
    name: textIn(info?.Model),
    bus: textIn(info?.PCI?.BusID),
    node: textIn(info?.Path),
    utilisation: numberIn(status?.Utilization?.GPU),
    controller: numberIn(status?.Utilization?.Memory),
    encoder: numberIn(status?.Utilization?.Encoder),
    decoder: numberIn(status?.Utilization?.Decoder),
    memory: numberIn(status?.Memory?.GlobalUsed),
    memoryTotal: numberIn(info?.Memory?.Global),
    temperature: numberIn(status?.Temperature),
    power: numberIn(status?.Power),
    powerLimit: numberIn(info?.Power),
    coreClock: numberIn(status?.Clocks?.Cores),
    coreClockLimit: numberIn(info?.Clocks?.Cores),
    memoryClock: numberIn(status?.Clocks?.Memory),
    memoryClockLimit: numberIn(info?.Clocks?.Memory),
    bar1: numberIn(status?.PCI?.BAR1Used),
    bar1Total: numberIn(info?.PCI?.BAR1),
    received: numberIn(status?.PCI?.Throughput?.RX),
    sent: numberIn(status?.PCI?.Throughput?.TX),
    errors: [
      ['L1', numberIn(errors?.L1Cache)],
      ['L2', numberIn(errors?.L2Cache)],
      ['memory', numberIn(errors?.Global)],
    ].filter(([, count]) => count !== null),
    processes: processesIn(status?.Processes),
  };
}

function errorsOf(gpu) {
  const found = gpu.errors.filter(([, count]) => count > 0);
  if (found.length === 0) return gpu.errors.length === 0 ? null : '0';
  return found.map(([where, count]) => `${digits(count)}\u00a0in\u00a0${where}`).join(', ');
}

// The texts of a card and of a row, by the names that index.html has for them.
export function textsOf(gpu, history) {
  const range = (key, unit) => {
    const {lowest, highest} = history.range(key);
    return lowest === null ? null : `min ${digits(lowest)}, max ${amount(highest, unit)}`;
  };
  const used = percent(gpu.memory, gpu.memoryTotal);
  return {
    index: digits(gpu.index),
    name: gpu.name,
    uuid: gpu.uuid,
    bus: gpu.bus,
    node: gpu.node,
    utilisation: digits(gpu.utilisation),
    utilisationPercent: amount(gpu.utilisation, '%'),
    utilisationRange: range('utilisation', '%'),
    memory: digits(used),
    memoryPercent: amount(used, '%'),
    memoryAmount: amountOf(gpu.memory, gpu.memoryTotal, 'MiB'),
    temperature: digits(gpu.temperature),
    temperatureAmount: amount(gpu.temperature, '°C'),
    temperatureRange: range('temperature', '°C'),
    power: digits(gpu.power),
    powerAmount: amount(gpu.power, 'W'),
    powerLimit: gpu.powerLimit === null ? null : `of ${amount(gpu.powerLimit, 'W')}`,
    controller: amount(gpu.controller, '%'),
    encoder: amount(gpu.encoder, '%'),
    decoder: amount(gpu.decoder, '%'),
    coreClock: amountOf(gpu.coreClock, gpu.coreClockLimit, 'MHz'),
    memoryClock: amountOf(gpu.memoryClock, gpu.memoryClockLimit, 'MHz'),
    bar1: amountOf(gpu.bar1, gpu.bar1Total, 'MiB'),
    received: amount(gpu.received, 'MB/s'),
    sent: amount(gpu.sent, 'MB/s'),
    errors: errorsOf(gpu),
    processes: digits(gpu.processes.length),
    processCount: gpu.processes.length === 0 ? 'none reported' : digits(gpu.processes.length),
  };
}
