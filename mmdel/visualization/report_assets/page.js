'use strict';
// What all pages share: building elements, the state, the toolbar and the colours.
const Page = (() => {
  // Texts of the data become text nodes alone; nothing is ever parsed as HTML.
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
      else if (name === 'class') made.className = value;
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  // A text of any direction, which does not turn what stands around it.
  const text = (value) => element('bdi', { dir: 'auto' }, value);
  const mark = (kind) => element('span', { class: `mark ${kind}`, 'aria-hidden': 'true' });
  const KINDS = { found: 'found', missed: 'missed', hit: 'hit', false: 'false alarm', neutral: 'not counted',
    plain: 'event' };
  const mini = window.matchMedia('(max-width: 720px)');

  const state = {
    threshold: Model.hasScores ? Model.content.score_thr : -Infinity,
    tiou: Model.content.tiou,
    hiddenLabels: new Set(),
    hiddenKinds: new Set(),
    search: '',
    sort: { column: null, descending: false },
  };
  const listeners = new Set();
  let pending = false;
  // All changes of a frame are drawn once.
  const change = (changes = {}) => {
    Object.assign(state, changes);
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      for (const listener of [...listeners]) listener();
    });
  };
  const onChange = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  const colours = {};
  const readColours = () => {
    const style = getComputedStyle(document.documentElement);
    for (const name of ['card', 'text', 'soft', 'line', 'shade', 'found', 'missed', 'hit', 'false', 'neutral', 'wave',
      'accent', 'mel-low', 'mel-high'])
      colours[name] = style.getPropertyValue(`--${name}`).trim();
    colours.plain = colours.hit;
  };

  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  const storage = (action) => {
    try { return action(window.localStorage); } catch { return null; } // not allowed in some browsers' local files
  };
  const applyTheme = () => {
    document.documentElement.dataset.theme = chosen || (dark.matches ? 'dark' : 'light');
    const now = document.documentElement.dataset.theme;
    const button = document.getElementById('theme');
    button.textContent = now === 'dark' ? 'Light' : 'Dark';
    button.title = `Change to ${now === 'dark' ? 'light' : 'dark'} colours`;
    readColours();
    change();
  };
  const startTheme = () => {
    chosen = storage((store) => store.getItem('mmdel-theme'));
    document.getElementById('theme').addEventListener('click', () => {
      chosen = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
      storage((store) => store.setItem('mmdel-theme', chosen));
      applyTheme();
    });
    dark.addEventListener('change', applyTheme);
    applyTheme();
  };

  const setThreshold = (value) => {
    const threshold = Math.min(Math.max(Math.round(value * 100) / 100, 0), Math.ceil(Model.topScore * 100) / 100);
    change({ threshold });
  };

  const classPanel = () => {
    const search = element('input', { type: 'search', placeholder: 'Find a class', 'aria-label': 'Find a class' });
    const rows = Model.labels.map((name, label) => {
      const box = element('input', { type: 'checkbox', checked: true });
      box.addEventListener('change', () => {
        state.hiddenLabels[box.checked ? 'delete' : 'add'](label);
        change();
      });
      const total = element('span');
      return { box, total, name: name.toLowerCase(), row: element('label', {}, box, text(name), total) };
    });
    const setAll = (shown) => () => {
      rows.forEach(({ box, row }, label) => {
        if (row.classList.contains('hidden')) return;
        box.checked = shown;
        state.hiddenLabels[shown ? 'delete' : 'add'](label);
      });
      change();
    };
    search.addEventListener('input', () => {
      const wanted = search.value.trim().toLowerCase();
      rows.forEach(({ name, row }) => row.classList.toggle('hidden', !name.includes(wanted)));
    });
    const summary = element('summary');
    const details = element('details', { class: 'classes' }, summary, element('div', { class: 'panel' },
      element('div', { class: 'row' }, search, element('button', { type: 'button', onclick: setAll(true) }, 'All'),
        element('button', { type: 'button', onclick: setAll(false) }, 'None')),
      ...rows.map(({ row }) => row)));
    document.addEventListener('click', (event) => {
      if (!details.contains(event.target)) details.open = false;
    });
    details.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      details.open = false;
      summary.focus();
    });
    onChange(() => {
      const hidden = Model.labels.filter((_, label) => state.hiddenLabels.has(label)).length;
      summary.textContent = hidden ? `Classes: ${rows.length - hidden} of ${rows.length}` : `All ${rows.length} classes`;
      rows.forEach(({ total, box }, label) => {
        const counts = Page.counts.ofLabel[label];
        box.checked = !state.hiddenLabels.has(label);
        total.textContent = box.checked ? counts.true || counts.predicted : '';
      });
    });
    return details;
  };

  const startToolbar = () => {
    const bar = document.getElementById('settings');
    onChange(() => { Page.counts = Model.count(state); });
    Page.counts = Model.count(state);
    if (Model.hasScores) {
      const top = Math.ceil(Model.topScore * 100) / 100;
      const slider = element('input', { type: 'range', id: 'threshold', min: 0, max: top, step: 0.01 });
      const shown = element('output', { for: 'threshold' });
      slider.addEventListener('input', () => setThreshold(Number(slider.value)));
      onChange(() => {
        slider.value = state.threshold;
        shown.textContent = state.threshold.toFixed(2);
      });
      bar.append(element('label', { title: 'Predictions of a lower score are left out' }, 'Score ≥', slider, shown));
    }
    if (Model.hasTruth) {
      const options = Model.tious.map((tiou, place) => element('option', { value: place }, String(tiou)));
      const select = element('select', { id: 'tiou' }, ...options);
      select.value = state.tiou;
      select.addEventListener('change', () => change({ tiou: Number(select.value) }));
      bar.append(element('label', { title: 'Overlap in time (intersection over union) from which on a prediction is a hit' },
        'Hit: tIoU ≥', select));
    }
    if (Model.labels.length > 1) bar.append(classPanel());
  };

  // Events of a video on a line: true ones above, predictions below. Used in the index and over the timeline.
  const drawStrip = (canvas, video, events) => {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext('2d');
    context.scale(ratio, ratio);
    const both = events.some((event) => event.true) || Model.hasTruth;
    const band = both ? (height - 3) / 2 : height;
    context.fillStyle = colours.shade;
    context.fillRect(0, 0, width, height);
    for (const event of events) {
      if (state.hiddenKinds.has(event.kind)) continue;
      const left = (event.start / video.length) * width;
      const wide = Math.max(1.5, ((event.end - event.start) / video.length) * width);
      const top = both && !event.true ? band + 3 : 0;
      context.fillStyle = context.strokeStyle = colours[event.kind];
      if (event.kind === 'missed' || event.kind === 'false') {
        context.globalAlpha = 0.35;
        context.fillRect(left, top, wide, band);
        context.globalAlpha = 1;
        if (wide > 3) context.strokeRect(left + 0.5, top + 0.5, wide - 1, band - 1);
        else context.fillRect(left, top, wide, band);
      } else {
        context.globalAlpha = event.score === null ? 1 : 0.45 + 0.55 * Math.min(1, Math.max(0, event.score));
        context.fillRect(left, top, wide, band);
        context.globalAlpha = 1;
      }
    }
  };

  return { element, text, mark, KINDS, mini, state, change, onChange, colours, startTheme, startToolbar, setThreshold,
    drawStrip, counts: null };
})();
