// SPDX-License-Identifier: Apache-2.0
// Asks the companion each second how its GPUs are, and shows the answers.
//
// Whatever an answer has is shown as text: it goes into the page by textContent and by values of
// attributes that mean nothing else.

import {Card, Part, Row} from './cards.js';
import {History} from './charts.js';
import {amountOf, digits, gpuOf, textIn} from './values.js';

const every = 1000; // ms from one question to the next
const patience = 5000; // ms until it is said that there is no answer; NVML may be slow
const longest = 60 * 1000; // ms until it is asked anew
const infoLasts = 60 * 1000; // ms; then it is asked again which GPUs and which driver there are
const overviewFrom = 3; // GPUs

const byId = (id) => document.getElementById(id);

// ---- The page as a whole.

const summary = new Part(byId('summary'));
const histories = new Map(); // by UUID, else by index
let cards = null; // none yet
let rows = null;

function showMachine(info, gpus) {
  const sum = (key) => {
    const values = gpus.map((gpu) => gpu[key]);
    return values.length === 0 || values.includes(null) ? null : values.reduce((a, b) => a + b);
  };
  summary.show({
    driver: textIn(info.Version?.Driver),
    cuda: textIn(info.Version?.CUDA),
    gpus: digits(gpus.length),
    processes: digits(gpus.reduce((count, gpu) => count + gpu.processes.length, 0)),
    memory: amountOf(sum('memory'), sum('memoryTotal'), 'MiB'),
    power: amountOf(sum('power'), sum('powerLimit'), 'W'),
  });
  summary.element.hidden = false;
}

function show(info, status, now) {
  const gpus = info.Devices.map((device, i) => gpuOf(i, device, status.Devices[i]));
  if (cards?.length !== gpus.length) {
    cards = gpus.map(({index}) => new Card(index));
    rows = gpus.map(({index}) => new Row(index));
    byId('cards').replaceChildren(...cards.map((card) => card.element));
    byId('rows').replaceChildren(...rows.map((row) => row.element));
    byId('each').hidden = gpus.length === 0;
    byId('overview').hidden = gpus.length < overviewFrom;
    byId('none').hidden = gpus.length > 0;
    document.body.classList.toggle('without', gpus.length === 0);
  }
  const keys = gpus.map((gpu) => gpu.uuid ?? gpu.index);
  for (const key of histories.keys()) if (!keys.includes(key)) histories.delete(key);
  gpus.forEach((gpu, i) => {
    const history = histories.get(keys[i]) ?? new History();
    histories.set(keys[i], history);
    history.add(now, gpu);
    cards[i].update(gpu, history, now);
    rows[i].update(gpu, history);
  });
  showMachine(info, gpus);
}

// ---- How the companion is, and how old the values are.

const timeOfDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

let failure = null; // why there are no values, after "The companion"
let failingSince = null;
let shownAt = null; // when what is shown was true
let paused = false;

// Set only when it changes: it is read out then.
function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function showState() {
  const since = failingSince === null ? '' : timeOfDay.format(failingSince);
  const [state, text] = paused
    ? ['paused', 'Paused']
    : failure !== null
      ? ['failing', 'No answer']
      : shownAt === null
        ? ['asking', 'Asking']
        : ['live', 'Live'];
  byId('state').dataset.state = state;
  setText('state-text', text);
  setText('trouble-text', failure === null ? '' : `The companion ${failure}, since ${since}.`);
  document.body.classList.toggle('old', failure !== null);
  showAge();
}

function showAge() {
  const at = shownAt === null ? '' : timeOfDay.format(shownAt);
  setText('clock', at);
  setText('trouble-age', failure === null ? '' : ageText(at));
}

function ageText(at) {
  if (shownAt === null) return 'There are no values yet.';
  const age = Math.round((Date.now() - shownAt) / 1000);
  return `The values below are from ${at}, ${digits(age)} s ago.`;
}

// ---- Asking.

class Failure extends Error {}

async function ask(path) {
  const signal = AbortSignal.timeout(longest);
  let answer;
  let text;
  try {
    answer = await fetch(path, {cache: 'no-store', redirect: 'error', signal});
    text = await answer.text();
  } catch {
    throw new Failure(signal.aborted ? 'does not answer' : 'cannot be reached');
  }
  if (!answer.ok) {
    const said = textIn(text.trim().slice(0, 200));
    throw new Failure(`answers with an error (${answer.status}${said ? `: ${said}` : ''})`);
  }
  try {
    const body = JSON.parse(text);
    if (Array.isArray(body.Devices)) return body;
  } catch {
    // It is something else.
  }
  throw new Failure(`answers /${path} with something else`);
}

let info = null;
let infoAt = 0;
let askingSince = null;
let timer = null;

async function askAndShow() {
  const begun = Date.now();
  askingSince = begun;
  try {
    const status = await ask('v1.0/gpu/status/json');
    const now = Date.now();
    if (info?.Devices.length !== status.Devices.length || now - infoAt > infoLasts) {
      info = await ask('v1.0/gpu/info/json');
      infoAt = now;
    }
    show(info, status, now);
    shownAt = now;
    failure = null;
    failingSince = null;
  } catch (error) {
    if (!(error instanceof Failure)) reportError(error);
    failure = error instanceof Failure ? error.message : 'answers with what cannot be shown';
    failingSince ??= begun;
    info = null; // what answers next may be another driver
  } finally {
    askingSince = null;
    showState();
    askLater(Math.max(0, begun + every - Date.now()));
  }
}

function askLater(delay) {
  clearTimeout(timer);
  if (!paused && !document.hidden && askingSince === null) timer = setTimeout(askAndShow, delay);
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  byId('pause').textContent = paused ? 'Resume' : 'Pause';
  showState();
  askLater(0);
});
document.addEventListener('visibilitychange', () => askLater(0));
setInterval(() => {
  if (failure === null && askingSince !== null && Date.now() - askingSince >= patience) {
    failure = 'does not answer';
    failingSince = askingSince;
    showState();
  } else if (failure !== null && !document.hidden) {
    showAge();
  }
}, 1000);

byId('host').textContent = location.host;
document.title = `GPU status, ${location.host}`;
askAndShow();
